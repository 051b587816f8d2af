/* SPDX-License-Identifier: Apache-2.0 */
/* What the manage worker does with and without a receipt of the journal, and with one that is for something else. */
#include "daemon/token/manage/receipts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/shared/receipt.h"

typedef Cek__Internal__V1__Job Job;
typedef Cek__Internal__V1__Receipt Receipt;
typedef Cek__Internal__V1__JobResult JobResult;

static const uint8_t key[RECEIPT_KEY_LEN] = {9};
static struct worker worker;
static Cek__Internal__V1__DestroyJob destroy;
static Cek__Internal__V1__AdoptJob adopt;
static Cek__V1__PublicKey public_key;
static uint8_t id[] = {1, 2, 3};

static int setup(void **state)
{
	int fd = memfd_create("key", MFD_CLOEXEC);

	(void)state;
	if (fd < 0 || write(fd, key, sizeof(key)) != sizeof(key) || receipts_open(fd) < 0)
		return -1;
	cek__v1__public_key__init(&public_key);
	public_key.kty = (char *)"RSA";
	public_key.n = (ProtobufCBinaryData){.data = id, .len = sizeof(id)};
	return arena_init(&worker.token.arena, 65536);
}

static Job destruction(void)
{
	Job job = CEK__INTERNAL__V1__JOB__INIT;

	cek__internal__v1__destroy_job__init(&destroy);
	destroy.alg = (char *)"RSA-OAEP-256";
	destroy.cka_id = (ProtobufCBinaryData){.data = id, .len = sizeof(id)};
	destroy.public_key = &public_key;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_DESTROY;
	job.destroy = &destroy;
	return job;
}

static Receipt receipt_at(uint64_t up, const char *op)
{
	static uint8_t mac[RECEIPT_MAC_LEN];
	Receipt receipt = CEK__INTERNAL__V1__RECEIPT__INIT;
	struct receipt_job job = {.alg = "RSA-OAEP-256", .cka_id = id, .cka_id_len = sizeof(id)};

	receipt.seq = 5;
	receipt.up = up;
	receipt.op = (char *)op;
	if (strcmp(op, "destroy") == 0)
		assert_int_equal(receipt_half(&public_key, job.half), 0);
	assert_int_equal(receipt_mac(key, &receipt, &job, mac), 0);
	receipt.mac = (ProtobufCBinaryData){.data = mac, .len = sizeof(mac)};
	return receipt;
}

/* NULL: it may; else why not. */
static const char *refusal(const Job *job)
{
	static char text[400];
	JobResult result = CEK__INTERNAL__V1__JOB_RESULT__INIT;
	const bool may = receipts_allow(&worker, job, &result);

	if (!may)
		assert_int_equal(result.outcome, CEK__INTERNAL__V1__OUTCOME__OUTCOME_INTERNAL);
	strcpy(text, may ? "" : result.text);
	arena_reset(&worker.token.arena);
	return may ? NULL : text;
}

static void test_none(void **state)
{
	const Job job = destruction();

	(void)state;
	assert_non_null(strstr(refusal(&job), "there is none"));
}

static void test_its_own(void **state)
{
	Job job = destruction();
	Receipt receipt = receipt_at(clock_boot_us(), "destroy");

	(void)state;
	job.receipt = &receipt;
	assert_null(refusal(&job));
}

/* A twin with the same CKA_ID, and what an adoption was asked for. */
static void test_another_objects(void **state)
{
	static uint8_t twin[] = {1, 2, 4};
	Job job = destruction();
	Receipt receipt = receipt_at(clock_boot_us(), "destroy");

	(void)state;
	job.receipt = &receipt;
	public_key.n.data = twin;
	assert_non_null(strstr(refusal(&job), "did not give it for this object"));
	public_key.n.data = id;
	destroy.cka_id.len--;
	assert_non_null(strstr(refusal(&job), "did not give it for this object"));
	destroy = (Cek__Internal__V1__DestroyJob)CEK__INTERNAL__V1__DESTROY_JOB__INIT;
	destroy.alg = (char *)"RSA-OAEP-256";
	destroy.cka_id = (ProtobufCBinaryData){.data = id, .len = sizeof(id)};
	receipt = receipt_at(clock_boot_us(), "adopt");
	assert_non_null(strstr(refusal(&job), "for another operation"));
}

static void test_its_age(void **state)
{
	Job job = destruction();
	Receipt receipt = receipt_at(clock_boot_us() - RECEIPT_LIVES_US - 1000000, "destroy");

	(void)state;
	job.receipt = &receipt;
	assert_non_null(strstr(refusal(&job), "too old"));
	receipt = receipt_at(clock_boot_us() + 3600 * UINT64_C(1000000), "destroy");
	assert_non_null(strstr(refusal(&job), "too old"));
}

/* Only a job that was done uses it up, and every earlier one with it. */
static void test_it_counts_once(void **state)
{
	JobResult result = CEK__INTERNAL__V1__JOB_RESULT__INIT;
	Job job = destruction();
	Receipt receipt = receipt_at(clock_boot_us(), "destroy");

	(void)state;
	job.receipt = &receipt;
	result.outcome = CEK__INTERNAL__V1__OUTCOME__OUTCOME_REFUSED;
	receipts_used(&job, &result);
	assert_null(refusal(&job));
	result.outcome = CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK;
	receipts_used(&job, &result);
	assert_non_null(strstr(refusal(&job), "has been used"));
	receipt = receipt_at(receipt.up - 1, "destroy");
	assert_non_null(strstr(refusal(&job), "has been used"));
	receipt = receipt_at(receipt.up + 2, "destroy");
	assert_null(refusal(&job));
}

static void test_what_needs_none(void **state)
{
	Job job = CEK__INTERNAL__V1__JOB__INIT;

	(void)state;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_INVENTORY;
	assert_null(refusal(&job));
	job.op_case = CEK__INTERNAL__V1__JOB__OP_TRANSPORT;
	assert_null(refusal(&job));
	cek__internal__v1__adopt_job__init(&adopt);
	job.op_case = CEK__INTERNAL__V1__JOB__OP_ADOPT;
	job.adopt = &adopt;
	assert_non_null(refusal(&job));
	adopt.look = true;
	assert_null(refusal(&job));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_its_own),
		cmocka_unit_test(test_another_objects),
		cmocka_unit_test(test_its_age),
		cmocka_unit_test(test_it_counts_once),
		cmocka_unit_test(test_what_needs_none),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
