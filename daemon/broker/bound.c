#include <string.h>

#include "daemon/broker/bound.h"

enum {
	FIELD = 12,       /* tag and length, or tag and number, of one field */
	FIELDS_MAX = 12,  /* of any message here, but for PublicKey and AlgParams, which are counted by themselves */
};

static size_t text(const char *string)
{
	return string ? strlen(string) : 0;
}

static size_t public_key(const PublicKey *key)
{
	return key ? 7 * FIELD + text(key->kty) + text(key->crv) + key->n.len + key->e.len + key->x.len + key->y.len
		: 0;
}

static size_t params(const AlgParams *params)
{
	return params ? 6 * FIELD + public_key(params->epk) + params->apu.len + params->apv.len + params->iv.len +
		params->tag.len : 0;
}

static size_t unwrap_job(const Cek__Internal__V1__UnwrapJob *job)
{
	return FIELDS_MAX * FIELD + job->cka_id.len + text(job->alg) + text(job->enc) + job->encrypted_key.len +
		params(job->params);
}

static size_t wrap_job(const Cek__Internal__V1__WrapJob *job)
{
	return FIELDS_MAX * FIELD + job->cka_id.len + text(job->alg) + text(job->enc) + job->cek.len +
		params(job->params);
}

size_t bound_job(const Job *job)
{
	switch (job->op_case) {
	case CEK__INTERNAL__V1__JOB__OP_UNWRAP:
		return unwrap_job(job->unwrap);
	case CEK__INTERNAL__V1__JOB__OP_WRAP:
		return wrap_job(job->wrap);
	case CEK__INTERNAL__V1__JOB__OP_REWRAP:
		return unwrap_job(job->rewrap->from) + wrap_job(job->rewrap->to);
	default:
		return 0;
	}
}

size_t bound_reply(const CekReply *reply)
{
	const size_t around = FIELDS_MAX * FIELD + text(reply->message);

	switch (reply->result_case) {
	case CEK__V1__REPLY__RESULT__NOT_SET:
		return around;
	case CEK__V1__REPLY__RESULT_UNWRAP:
		return around + reply->unwrap->cek.len + text(reply->unwrap->kid) + text(reply->unwrap->key);
	case CEK__V1__REPLY__RESULT_WRAP:
		return around + reply->wrap->encrypted_key.len + text(reply->wrap->kid) + text(reply->wrap->alg) +
			params(reply->wrap->params);
	case CEK__V1__REPLY__RESULT_GENERATE_CEK:
		return around + reply->generate_cek->cek.len + reply->generate_cek->encrypted_key.len +
			text(reply->generate_cek->kid) +
			text(reply->generate_cek->alg) + params(reply->generate_cek->params);
	case CEK__V1__REPLY__RESULT_REWRAP:
		return around + reply->rewrap->encrypted_key.len + text(reply->rewrap->kid) + text(reply->rewrap->alg) +
			params(reply->rewrap->params);
	default:
		return 0;
	}
}

size_t bound_audit(const AuditRecord *record)
{
	return 16 * FIELD + text(record->listener) + text(record->op) + text(record->key) + text(record->kid) +
		text(record->alg) +
		text(record->status) + text(record->detail) + record->encrypted_key.len;
}
