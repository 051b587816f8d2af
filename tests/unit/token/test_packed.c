/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed jobs are told apart as protobuf-c would do it, and what is no message of jobs is found out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/token/packed.h"
#include "proto/internal.pb-c.h"

typedef Cek__Internal__V1__Job Job;
typedef Cek__Internal__V1__ToWorker ToWorker;

enum { JOBS = 6, SIZE_MAX_OF_ALL = 40000 };

struct rig {
	Job job[JOBS], *row[JOBS];
	Cek__Internal__V1__UnwrapJob unwrap[JOBS];
	uint8_t data[20000];
	uint8_t all[SIZE_MAX_OF_ALL], one[SIZE_MAX_OF_ALL];
	size_t len;
};

/* Jobs whose lengths need one, two and three bytes, and one without anything. */
static int setup(void **state)
{
	static const size_t lens[JOBS] = {0, 16, 100, 127, 500, 17000};
	static const uint64_t ids[JOBS] = {0, 1, 127, 128, UINT64_MAX >> 1, UINT64_MAX};
	struct rig *rig = calloc(1, sizeof(*rig));
	ToWorker message = CEK__INTERNAL__V1__TO_WORKER__INIT;

	assert_non_null(rig);
	for (size_t i = 0; i < JOBS; i++) {
		cek__internal__v1__unwrap_job__init(&rig->unwrap[i]);
		rig->unwrap[i].encrypted_key = (ProtobufCBinaryData){lens[i], rig->data};
		cek__internal__v1__job__init(&rig->job[i]);
		rig->job[i].id = ids[i];
		if (i > 0) {
			rig->job[i].op_case = CEK__INTERNAL__V1__JOB__OP_UNWRAP;
			rig->job[i].unwrap = &rig->unwrap[i];
		}
		rig->row[i] = &rig->job[i];
	}
	message.n_job = JOBS;
	message.job = rig->row;
	rig->len = cek__internal__v1__to_worker__pack(&message, rig->all);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void each_job_is_what_was_packed(void **state)
{
	struct rig *rig = *state;
	struct packed packed = {rig->all, rig->len};
	const uint8_t *job;
	size_t len;

	assert_int_equal(packed_count(packed), JOBS);
	for (size_t i = 0; i < JOBS; i++) {
		assert_true(packed_next(&packed, &job, &len));
		assert_int_equal(len, cek__internal__v1__job__pack(&rig->job[i], rig->one));
		assert_memory_equal(job, rig->one, len);
		assert_int_equal(packed_id(job, len), rig->job[i].id);
	}
	assert_int_equal(packed.len, 0);
	assert_false(packed_next(&packed, &job, &len));
}

/* Cut off anywhere: all of it is jobs if, and only if, protobuf-c says so, and then they are as many. */
static void what_is_cut_off_is_no_message(void **state)
{
	struct rig *rig = *state;
	size_t whole = 0;

	for (size_t cut = 0; cut < rig->len; cut += cut < 1000 ? 1 : 97) {
		struct packed packed = {rig->all, cut};
		uint8_t *copy = malloc(cut ? cut : 1); /* ends where it ends, for the sanitizer */
		ToWorker *message = cek__internal__v1__to_worker__unpack(NULL, cut, rig->all);
		const uint8_t *job;
		size_t len, n = 0;

		assert_non_null(copy);
		memcpy(copy, rig->all, cut);
		packed.at = copy;
		while (packed_next(&packed, &job, &len))
			n++;
		assert_int_equal(packed.len == 0, message != NULL);
		if (message)
			assert_int_equal(n, message->n_job);
		whole += message != NULL;
		if (message)
			cek__internal__v1__to_worker__free_unpacked(message, NULL);
		free(copy);
	}
	assert_int_equal(whole, JOBS);
}

static void what_is_no_job_ends_it(void **state)
{
	static const struct {
		uint8_t data[8];
		size_t len;
	} rows[] = {
		{{0x0a}, 1},                                  /* no length */
		{{0x12, 0x00}, 2},                            /* another field */
		{{0x08, 0x01}, 2},                            /* a number */
		{{0x0a, 0x80}, 2},                            /* a length that is cut off */
		{{0x0a, 0x02, 0x08}, 3},                      /* longer than there is */
		{{0x0a, 0x81, 0x80, 0x80, 0x80, 0x00, 0}, 7}, /* a length of five bytes */
		{{0x0a, 0xff, 0xff, 0xff, 0x7f, 0, 0}, 7},
	};
	const uint8_t *job;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct packed packed = {rows[i].data, rows[i].len};

		assert_false(packed_next(&packed, &job, &len));
		assert_int_equal(packed.len, rows[i].len);
		assert_int_equal(packed_count(packed), 0);
	}
}

static void a_job_without_id_has_none(void **state)
{
	static const uint8_t number[] = {0x08, 0x80},
			     endless[] = {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
	static const uint8_t other[] = {0x52, 0x00}, one[] = {0x08, 0x01};

	(void)state;
	assert_int_equal(packed_id(number, sizeof(number)), 0);
	assert_int_equal(packed_id(endless, sizeof(endless)), 0);
	assert_int_equal(packed_id(other, sizeof(other)), 0);
	assert_int_equal(packed_id(one, 1), 0);
	assert_int_equal(packed_id(one, sizeof(one)), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_job_is_what_was_packed),
		TEST(what_is_cut_off_is_no_message),
		TEST(what_is_no_job_ends_it),
		TEST(a_job_without_id_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
