/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/run.h"

#include "daemon/token/hang.h"
#include "daemon/token/jobs.h"
#include "daemon/token/manage/receipts.h"

enum { GENERATE_TIMES = 10 }; /* of what one job may take: a slow token needs minutes for RSA-4096 */

/* It may begin with a try of what the token can do. */
static void enter_try(const struct worker *worker)
{
	if (worker->token.facts.n_doubts > 0)
		hang_enter(HANG_PROBE_TIMES);
}

static int run_manage(struct worker *worker, const Cek__Internal__V1__Job *job, manage_send *send, void *context,
	Cek__Internal__V1__JobResult *ret_result)
{
	switch (job->op_case) {
	case CEK__INTERNAL__V1__JOB__OP_GENERATE:
		hang_enter(GENERATE_TIMES);
		manage_generate(worker, job->generate, ret_result);
		return 0;
	case CEK__INTERNAL__V1__JOB__OP_IMPORT:
		enter_try(worker);
		manage_import(worker, job->import, ret_result);
		return 0;
	case CEK__INTERNAL__V1__JOB__OP_ADOPT:
		enter_try(worker);
		manage_adopt(worker, job->adopt, ret_result);
		return 0;
	case CEK__INTERNAL__V1__JOB__OP_DESTROY:
		manage_destroy(worker, job->destroy, ret_result);
		return 0;
	case CEK__INTERNAL__V1__JOB__OP_TRANSPORT:
		hang_enter(GENERATE_TIMES);
		manage_transport(worker, job->transport, ret_result);
		return 0;
	case CEK__INTERNAL__V1__JOB__OP_INVENTORY:
		return manage_inventory(worker, send, context, ret_result);
	default:
		return 0;
	}
}

static int run_with_receipt(struct worker *worker, const Cek__Internal__V1__Job *job, manage_send *send, void *context,
	Cek__Internal__V1__JobResult *ret_result)
{
	int r;

	if (!receipts_allow(worker, job, ret_result))
		return 0;
	r = run_manage(worker, job, send, context, ret_result);
	receipts_used(job, ret_result);
	return r;
}

/* The use worker neither makes nor destroys objects. */
int run_job(struct worker *worker, bool manage, const Cek__Internal__V1__Job *job, manage_send *send, void *context,
	Cek__Internal__V1__JobResult *ret_result)
{
	switch (job->op_case) {
	case CEK__INTERNAL__V1__JOB__OP_UNWRAP:
		job_unwrap(worker, job->unwrap, ret_result);
		return 0;
	case CEK__INTERNAL__V1__JOB__OP_WRAP:
		job_wrap(worker, job->wrap, ret_result);
		return 0;
	case CEK__INTERNAL__V1__JOB__OP_REWRAP:
		job_rewrap(worker, job->rewrap, ret_result);
		return 0;
	case CEK__INTERNAL__V1__JOB__OP_FORGET:
		job_forget(worker, job->forget, ret_result);
		return 0;
	default:
		return manage ? run_with_receipt(worker, job, send, context, ret_result) : 0;
	}
}
