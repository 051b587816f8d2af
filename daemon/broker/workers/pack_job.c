/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/workers/pack_job.h"
#include "daemon/broker/base/pack.h"
#include "proto/fields.h"
#include "proto/put.h"

static void add_unwrap_job(struct put *out, unsigned field, const Cek__Internal__V1__UnwrapJob *job)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, FIELD_UNWRAP_JOB_CKA_ID, &job->cka_id);
	put_text(out, FIELD_UNWRAP_JOB_ALG, job->alg);
	put_number(out, FIELD_UNWRAP_JOB_CEK_LEN, job->cek_len);
	put_bytes(out, FIELD_UNWRAP_JOB_ENCRYPTED_KEY, &job->encrypted_key);
	pack_params(out, FIELD_UNWRAP_JOB_PARAMS, job->params);
	put_text(out, FIELD_UNWRAP_JOB_ENC, job->enc);
	pack_public_key(out, FIELD_UNWRAP_JOB_PUBLIC_KEY, job->public_key);
	put_end(out, body);
}

static void add_wrap_job(struct put *out, unsigned field, const Cek__Internal__V1__WrapJob *job)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, FIELD_WRAP_JOB_CKA_ID, &job->cka_id);
	put_text(out, FIELD_WRAP_JOB_ALG, job->alg);
	put_bytes(out, FIELD_WRAP_JOB_CEK, &job->cek);
	put_number(out, FIELD_WRAP_JOB_CEK_LEN, job->cek_len);
	pack_params(out, FIELD_WRAP_JOB_PARAMS, job->params);
	put_text(out, FIELD_WRAP_JOB_ENC, job->enc);
	pack_public_key(out, FIELD_WRAP_JOB_PUBLIC_KEY, job->public_key);
	put_end(out, body);
}

static void add_rewrap_job(struct put *out, unsigned field, const Cek__Internal__V1__RewrapJob *job)
{
	uint8_t *body = put_begin(out, field);

	if (job->from)
		add_unwrap_job(out, FIELD_REWRAP_JOB_FROM, job->from);
	if (job->to)
		add_wrap_job(out, FIELD_REWRAP_JOB_TO, job->to);
	put_end(out, body);
}

size_t pack_job(const Job *job, uint8_t *to, size_t size)
{
	struct put out = {.at = to, .room = size};

	put_number(&out, FIELD_JOB_ID, job->id);
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
