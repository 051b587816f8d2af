/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/shared/receipt.h"

typedef Cek__Internal__V1__Receipt Receipt;

static const uint8_t key[RECEIPT_KEY_LEN] = {1, 2, 3};
static uint8_t mac[RECEIPT_MAC_LEN];
static const uint8_t id[] = {7, 8, 9};

static Receipt receipt_of(const struct receipt_job *job)
{
	Receipt receipt = CEK__INTERNAL__V1__RECEIPT__INIT;

	receipt.seq = 12;
	receipt.hash = (char *)"aa";
	receipt.up = 3456;
	receipt.op = (char *)"destroy";
	assert_int_equal(receipt_mac(key, &receipt, job, mac), 0);
	receipt.mac = (ProtobufCBinaryData){.data = mac, .len = sizeof(mac)};
	return receipt;
}

static struct receipt_job job_of(void)
{
	return (struct receipt_job){.alg = "A256KW", .cka_id = id, .cka_id_len = sizeof(id), .half = {5}};
}

static void test_it_is_good_for_its_job(void **state)
{
	const struct receipt_job job = job_of();
	const Receipt receipt = receipt_of(&job);

	assert_true(receipt_good(key, &receipt, &job));
}

/* Each member alone. */
static void test_it_is_good_for_nothing_else(void **state)
{
	const struct receipt_job job = job_of();
	static const uint8_t other_key[RECEIPT_KEY_LEN] = {1, 2, 4}, other_id[] = {7, 8, 8};
	struct receipt_job jobs[4];
	Receipt receipts[7];

	for (size_t i = 0; i < 4; i++)
		jobs[i] = job;
	jobs[0].alg = "A128KW";
	jobs[1].cka_id = other_id;
	jobs[2].cka_id_len--;
	jobs[3].half[RECEIPT_HALF_LEN - 1] = 1;
	for (size_t i = 0; i < 7; i++)
		receipts[i] = receipt_of(&job);
	receipts[0].seq++;
	receipts[1].up++;
	receipts[2].hash = (char *)"ab";
	receipts[3].op = (char *)"adopt";
	receipts[4].mac.len--;
	receipts[5].mac.len = 0;
	for (size_t i = 0; i < 4; i++)
		assert_false(receipt_good(key, &receipts[6], &jobs[i]));
	for (size_t i = 0; i < 6; i++)
		assert_false(receipt_good(key, &receipts[i], &job));
	assert_false(receipt_good(other_key, &receipts[6], &job));
	mac[0] ^= 1;
	assert_false(receipt_good(key, &receipts[6], &job));
}

/* What is next to each other is not the same when it is cut elsewhere. */
static void test_members_do_not_run_into_each_other(void **state)
{
	struct receipt_job job = job_of();
	Receipt receipt = receipt_of(&job);

	receipt.op = (char *)"destroyA";
	job.alg = "256KW";
	assert_false(receipt_good(key, &receipt, &job));
}

static void test_halves(void **state)
{
	Cek__V1__PublicKey public_key = CEK__V1__PUBLIC_KEY__INIT;
	static const uint8_t zeros[RECEIPT_HALF_LEN];
	uint8_t one[RECEIPT_HALF_LEN], other[RECEIPT_HALF_LEN];

	assert_int_equal(receipt_half(NULL, one), 0);
	assert_memory_equal(one, zeros, sizeof(zeros));
	public_key.kty = (char *)"EC";
	assert_int_equal(receipt_half(&public_key, one), 0);
	public_key.crv = (char *)"P-256";
	assert_int_equal(receipt_half(&public_key, other), 0);
	assert_memory_not_equal(one, other, sizeof(one));
	assert_memory_not_equal(one, zeros, sizeof(one));
}

static void test_the_key_is_read_whole(void **state)
{
	for (int len = RECEIPT_KEY_LEN - 1; len <= RECEIPT_KEY_LEN; len++) {
		int fd = memfd_create("key", MFD_CLOEXEC);
		struct arena arena = {0};
		const uint8_t *read = NULL;

		assert_int_equal(write(fd, key, (size_t)len), len);
		assert_int_equal(receipt_read_key(fd, &arena, &read) == 0, len == RECEIPT_KEY_LEN);
		if (len == RECEIPT_KEY_LEN)
			assert_memory_equal(read, key, sizeof(key));
		arena_deinit(&arena);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_is_good_for_its_job),
		cmocka_unit_test(test_it_is_good_for_nothing_else),
		cmocka_unit_test(test_members_do_not_run_into_each_other),
		cmocka_unit_test(test_halves),
		cmocka_unit_test(test_the_key_is_read_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
