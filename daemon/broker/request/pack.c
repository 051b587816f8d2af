#include "daemon/broker/request/pack.h"
#include "proto/put.h"

/* ---- parts --------------------------------------------------------------------------------------------------- */

static void add_public_key(struct put *out, unsigned field, const PublicKey *key)
{
	uint8_t *body;

	if (!key)
		return;
	body = put_begin(out, field);
	put_text(out, 1, key->kty);
	put_bytes(out, 2, &key->n);
	put_bytes(out, 3, &key->e);
	put_text(out, 4, key->crv);
	put_bytes(out, 5, &key->x);
	put_bytes(out, 6, &key->y);
	put_end(out, body);
}

static void add_params(struct put *out, unsigned field, const AlgParams *params)
{
	uint8_t *body;

	if (!params)
		return;
	body = put_begin(out, field);
	add_public_key(out, 1, params->epk);
	put_bytes(out, 2, &params->apu);
	put_bytes(out, 3, &params->apv);
	put_bytes(out, 4, &params->iv);
	put_bytes(out, 5, &params->tag);
	put_end(out, body);
}

/* ---- jobs ---------------------------------------------------------------------------------------------------- */

static void add_unwrap_job(struct put *out, unsigned field, const Cek__Internal__V1__UnwrapJob *job)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, 1, &job->cka_id);
	put_text(out, 2, job->alg);
	put_number(out, 3, job->cek_len);
	put_bytes(out, 4, &job->encrypted_key);
	add_params(out, 5, job->params);
	put_text(out, 6, job->enc);
	add_public_key(out, 7, job->public_key);
	put_end(out, body);
}

static void add_wrap_job(struct put *out, unsigned field, const Cek__Internal__V1__WrapJob *job)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, 1, &job->cka_id);
	put_text(out, 2, job->alg);
	put_bytes(out, 3, &job->cek);
	put_number(out, 4, job->cek_len);
	add_params(out, 5, job->params);
	put_text(out, 6, job->enc);
	add_public_key(out, 7, job->public_key);
	put_end(out, body);
}

static void add_rewrap_job(struct put *out, unsigned field, const Cek__Internal__V1__RewrapJob *job)
{
	uint8_t *body = put_begin(out, field);

	if (job->from)
		add_unwrap_job(out, 1, job->from);
	if (job->to)
		add_wrap_job(out, 2, job->to);
	put_end(out, body);
}

size_t pack_job(const Job *job, uint8_t *to, size_t size)
{
	struct put out = {.at = to, .room = size};

	put_number(&out, 1, job->id);
	switch (job->op_case) {
	case CEK__INTERNAL__V1__JOB__OP_UNWRAP:
		add_unwrap_job(&out, CEK__INTERNAL__V1__JOB__OP_UNWRAP, job->unwrap);
		break;
	case CEK__INTERNAL__V1__JOB__OP_WRAP:
		add_wrap_job(&out, CEK__INTERNAL__V1__JOB__OP_WRAP, job->wrap);
		break;
	case CEK__INTERNAL__V1__JOB__OP_REWRAP:
		add_rewrap_job(&out, CEK__INTERNAL__V1__JOB__OP_REWRAP, job->rewrap);
		break;
	default:
		return 0;
	}
	return put_finish(&out, to);
}

/* ---- replies ------------------------------------------------------------------------------------------------- */

static void add_unwrap_reply(struct put *out, unsigned field, const Cek__V1__UnwrapReply *reply)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, 1, &reply->cek);
	put_text(out, 2, reply->kid);
	put_text(out, 3, reply->key);
	put_number(out, 4, reply->candidates);
	put_end(out, body);
}

static void add_wrap_reply(struct put *out, unsigned field, const Cek__V1__WrapReply *reply)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, 1, &reply->encrypted_key);
	put_text(out, 2, reply->kid);
	put_text(out, 3, reply->alg);
	add_params(out, 4, reply->params);
	put_end(out, body);
}

static void add_generate_reply(struct put *out, unsigned field, const Cek__V1__GenerateCekReply *reply)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, 1, &reply->cek);
	put_bytes(out, 2, &reply->encrypted_key);
	put_text(out, 3, reply->kid);
	put_text(out, 4, reply->alg);
	add_params(out, 5, reply->params);
	put_end(out, body);
}

static void add_rewrap_reply(struct put *out, unsigned field, const Cek__V1__RewrapReply *reply)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, 1, &reply->encrypted_key);
	put_text(out, 2, reply->kid);
	put_text(out, 3, reply->alg);
	add_params(out, 4, reply->params);
	put_number(out, 5, reply->unchanged != 0);
	put_end(out, body);
}

size_t pack_reply(const CekReply *reply, uint8_t *to, size_t size)
{
	struct put out = {.at = to, .room = size};

	put_number(&out, 1, reply->id);
	put_number(&out, 2, reply->status);
	put_number(&out, 3, reply->epoch);
	put_text(&out, 4, reply->message);
	switch (reply->result_case) {
	case CEK__V1__REPLY__RESULT__NOT_SET:
		break;
	case CEK__V1__REPLY__RESULT_UNWRAP:
		add_unwrap_reply(&out, CEK__V1__REPLY__RESULT_UNWRAP, reply->unwrap);
		break;
	case CEK__V1__REPLY__RESULT_WRAP:
		add_wrap_reply(&out, CEK__V1__REPLY__RESULT_WRAP, reply->wrap);
		break;
	case CEK__V1__REPLY__RESULT_GENERATE_CEK:
		add_generate_reply(&out, CEK__V1__REPLY__RESULT_GENERATE_CEK, reply->generate_cek);
		break;
	case CEK__V1__REPLY__RESULT_REWRAP:
		add_rewrap_reply(&out, CEK__V1__REPLY__RESULT_REWRAP, reply->rewrap);
		break;
	default:
		return 0;
	}
	return put_finish(&out, to);
}

/* ---- audit --------------------------------------------------------------------------------------------------- */

size_t pack_audit(const AuditRecord *record, uint8_t *to, size_t size)
{
	struct put out = {.at = to, .room = size};

	put_number(&out, 1, record->n);
	put_number(&out, 2, record->time);
	put_text(&out, 3, record->listener);
	put_number(&out, 4, record->uid);
	put_number(&out, 5, record->pid);
	put_text(&out, 6, record->op);
	put_text(&out, 7, record->key);
	put_text(&out, 8, record->kid);
	put_text(&out, 9, record->alg);
	put_text(&out, 10, record->status);
	put_bytes(&out, 11, &record->encrypted_key);
	put_text(&out, 12, record->detail);
	put_number(&out, 13, record->epoch);
	return put_finish(&out, to);
}
