/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/manage/receipts.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/shared/receipt.h"
#include "daemon/token/manage/manage.h"

static struct arena memory;
static const uint8_t *key; /* in it */
static uint64_t last;      /* CLOCK_BOOTTIME of the latest receipt that was used up */

int receipts_open(int fd)
{
	const int r = receipt_read_key(fd, &memory, &key);

	(void)close(fd);
	return r;
}

static void name(struct receipt_job *ret, const char *alg, const ProtobufCBinaryData *cka_id)
{
	ret->alg = alg;
	ret->cka_id = cka_id->data;
	ret->cka_id_len = cka_id->len;
}

/* What the receipt of this job must be for, and the operation of its intent, or two of them. False: it needs none. */
static bool needs(const Cek__Internal__V1__Job *job, struct receipt_job *ret, const char *ret_op[2])
{
	*ret = (struct receipt_job){.alg = ""};
	switch (job->op_case) {
	case CEK__INTERNAL__V1__JOB__OP_GENERATE:
		name(ret, job->generate->alg, &job->generate->cka_id);
		ret_op[0] = "create";
		ret_op[1] = "rotate";
		return true;
	case CEK__INTERNAL__V1__JOB__OP_IMPORT:
		name(ret, job->import->alg, &job->import->cka_id);
		ret_op[0] = ret_op[1] = "import";
		return true;
	case CEK__INTERNAL__V1__JOB__OP_ADOPT:
		name(ret, job->adopt->alg, &job->adopt->cka_id);
		ret_op[0] = ret_op[1] = "adopt";
		return !job->adopt->look;
	case CEK__INTERNAL__V1__JOB__OP_DESTROY:
		name(ret, job->destroy->alg, &job->destroy->cka_id);
		ret_op[0] = ret_op[1] = "destroy";
		return true;
	default:
		return false;
	}
}

/* NULL: it is good. */
static const char *fault_of(const Cek__Internal__V1__Job *job, struct receipt_job *wanted, const char *const op[2])
{
	const Cek__Internal__V1__Receipt *receipt = job->receipt;
	const uint64_t now = clock_boot_us();

	if (!key)
		return "this worker takes no such jobs";
	if (!receipt)
		return "there is none";
	if (job->op_case == CEK__INTERNAL__V1__JOB__OP_DESTROY &&
		receipt_half(job->destroy->public_key, wanted->half) < 0)
		return "it cannot be checked";
	if (!receipt_good(key, receipt, wanted))
		return "the journal did not give it for this object";
	if (strcmp(receipt->op, op[0]) != 0 && strcmp(receipt->op, op[1]) != 0)
		return "it is for another operation";
	if (receipt->up <= last)
		return "it has been used, or a later one has";
	return receipt->up > now || now - receipt->up > RECEIPT_LIVES_US ? "it is too old" : NULL;
}

bool receipts_allow(struct worker *worker, const Cek__Internal__V1__Job *job, Cek__Internal__V1__JobResult *ret_result)
{
	struct receipt_job wanted;
	const char *op[2], *fault;

	if (!needs(job, &wanted, op))
		return true;
	fault = fault_of(job, &wanted, op);
	if (!fault)
		return true;
	log_error("the broker asked to %s an object without a receipt of the journal: %s", op[0], fault);
	manage_fail(worker, ret_result, CEK__INTERNAL__V1__OUTCOME__OUTCOME_INTERNAL, "no receipt of the journal: %s",
		fault);
	return false;
}

void receipts_used(const Cek__Internal__V1__Job *job, const Cek__Internal__V1__JobResult *result)
{
	struct receipt_job wanted;
	const char *op[2];

	if (needs(job, &wanted, op) && result->outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK)
		last = job->receipt->up;
}
