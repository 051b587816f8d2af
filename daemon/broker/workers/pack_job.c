#include "daemon/broker/base/pack.h"
#include "daemon/broker/workers/pack_job.h"
#include "proto/put.h"

static void add_unwrap_job(struct put *out, unsigned field, const Cek__Internal__V1__UnwrapJob *job)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, 1, &job->cka_id);
	put_text(out, 2, job->alg);
	put_number(out, 3, job->cek_len);
	put_bytes(out, 4, &job->encrypted_key);
	pack_params(out, 5, job->params);
	put_text(out, 6, job->enc);
	pack_public_key(out, 7, job->public_key);
	put_end(out, body);
}

static void add_wrap_job(struct put *out, unsigned field, const Cek__Internal__V1__WrapJob *job)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, 1, &job->cka_id);
	put_text(out, 2, job->alg);
	put_bytes(out, 3, &job->cek);
	put_number(out, 4, job->cek_len);
	pack_params(out, 5, job->params);
	put_text(out, 6, job->enc);
	pack_public_key(out, 7, job->public_key);
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
