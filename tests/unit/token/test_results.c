/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The results of unwraps as protobuf-c would pack them, and as they leave.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/token/results.h"
#include "proto/dgram.h"

typedef Cek__Internal__V1__JobResult JobResult;
typedef Cek__Internal__V1__JobResults JobResults;
typedef Cek__Internal__V1__FromWorker FromWorker;

struct line {
	int pair[2];
	struct arena arena;
	struct results results;
	uint8_t received[DGRAM_MAX], packed[DGRAM_MAX];
};

static uint8_t cek[64];

static int setup(void **state)
{
	struct line *line = calloc(1, sizeof(*line));

	assert_non_null(line);
	assert_int_equal(dgram_pair(line->pair), 0);
	assert_int_equal(arena_init(&line->arena, RESULTS_ROOM), 0);
	assert_int_equal(results_init(&line->results, &line->arena, line->pair[0]), 0);
	memset(cek, 0xa5, sizeof(cek));
	*state = line;
	return 0;
}

static int teardown(void **state)
{
	struct line *line = *state;

	arena_deinit(&line->arena);
	close(line->pair[0]);
	close(line->pair[1]);
	free(line);
	return 0;
}

static JobResult result_of(uint64_t id, Cek__Internal__V1__Outcome outcome, size_t cek_len)
{
	JobResult result = CEK__INTERNAL__V1__JOB_RESULT__INIT;

	result.id = id;
	result.outcome = outcome;
	result.cek = (ProtobufCBinaryData){cek_len, cek};
	return result;
}

static ssize_t receive(struct line *line)
{
	return recv(line->pair[1], line->received, sizeof(line->received), MSG_DONTWAIT);
}

/* Exactly the bytes of protobuf-c arrive, in one datagram. */
static void assert_arrives(struct line *line, JobResult *const *results, size_t n)
{
	JobResults all = CEK__INTERNAL__V1__JOB_RESULTS__INIT;
	FromWorker message = CEK__INTERNAL__V1__FROM_WORKER__INIT;
	size_t len;

	all.n_result = n;
	all.result = (JobResult **)(uintptr_t)results;
	message.what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULTS;
	message.results = &all;
	len = cek__internal__v1__from_worker__pack(&message, line->packed);
	assert_int_equal(receive(line), len);
	assert_memory_equal(line->received, line->packed, len);
	assert_true(receive(line) < 0);
}

static void test_one_result(void **state)
{
	struct line *line = *state;
	const size_t lens[] = {0, 16, 24, 32, 48, 64};

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		JobResult result = result_of(UINT64_MAX >> (8 * i), CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK, lens[i]);

		result.memory = i * 1000003;
		result.replace = i % 2;
		assert_int_equal(results_add(&line->results, &result, 1), 0);
		assert_int_equal(results_flush(&line->results), 0);
		assert_arrives(line, (JobResult *const[]){&result}, 1);
	}
}

static void test_several_results(void **state)
{
	struct line *line = *state;
	char text[200];
	JobResult results[] = {
		result_of(1, CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK, 32),
		result_of(300, CEK__INTERNAL__V1__OUTCOME__OUTCOME_MISSING, 0),
		result_of(70000, CEK__INTERNAL__V1__OUTCOME__OUTCOME_FAILED, 0),
	};

	memset(text, 'x', sizeof(text) - 1); /* the length of this result needs two bytes */
	text[sizeof(text) - 1] = '\0';
	results[1].text = text;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(results_add(&line->results, &results[i], i), 0);
	assert_true(receive(line) < 0);
	assert_int_equal(results_flush(&line->results), 0);
	assert_arrives(line, (JobResult *const[]){&results[0], &results[1], &results[2]}, 3);
	assert_int_equal(results_flush(&line->results), 0);
	assert_true(receive(line) < 0);
}

/* The same every time; which values does not matter, only that they are many. */
static uint64_t random_of(uint64_t *seed, uint64_t limit)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (*seed >> 33) % limit;
}

static JobResult random_result(uint64_t *seed, char *text, size_t size)
{
	JobResult result = result_of(UINT64_MAX >> random_of(seed, 64), (Cek__Internal__V1__Outcome)random_of(seed, 10),
		random_of(seed, sizeof(cek) + 1));
	const size_t len = random_of(seed, size);

	memset(text, 'x', len);
	text[len] = '\0';
	if (random_of(seed, 4) > 0)
		result.text = text;
	result.memory = UINT64_MAX >> random_of(seed, 65) % 64;
	if (random_of(seed, 2))
		result.memory = 0;
	result.replace = random_of(seed, 2) > 0;
	return result;
}

static void test_any_result_is_as_protobuf_c_packs_it(void **state)
{
	enum { ROUNDS = 3000, RESULTS = 10, TEXT = 200 };
	struct line *line = *state;
	static char text[RESULTS][TEXT];
	uint64_t seed = 1;

	for (unsigned round = 0; round < ROUNDS; round++) {
		const size_t n = 1 + random_of(&seed, RESULTS);
		JobResult results[RESULTS], *row[RESULTS];

		for (size_t i = 0; i < n; i++) {
			results[i] = random_result(&seed, text[i], TEXT);
			row[i] = &results[i];
			assert_int_equal(results_add(&line->results, row[i], 0), 0);
		}
		assert_int_equal(results_flush(&line->results), 0);
		assert_arrives(line, row, n);
	}
}

/* Each length of a text, so that every length in front of it and around it occurs: as protobuf-c packs it, or not at
 * all if it does not fit. */
static void test_every_length_up_to_the_last_that_fits(void **state)
{
	struct line *line = *state;
	static char text[RESULTS_ROOM + 1];
	size_t fitted = 0;

	for (size_t len = 0; len < RESULTS_ROOM; len++) {
		JobResult result = result_of(len, CEK__INTERNAL__V1__OUTCOME__OUTCOME_REFUSED, 0), *row = &result;

		memset(text, 'x', len);
		text[len] = '\0';
		result.text = text;
		if (results_add(&line->results, &result, 0) == 0) {
			assert_int_equal(results_flush(&line->results), 0);
			assert_arrives(line, &row, 1);
			assert_int_equal(fitted, len);
			fitted++;
		} else {
			assert_int_equal(results_flush(&line->results), 0);
			assert_true(receive(line) < 0);
		}
	}
	assert_in_range(fitted, RESULTS_ROOM - 64, RESULTS_ROOM);
}

static void test_those_that_do_not_fit_leave_before(void **state)
{
	struct line *line = *state;
	JobResult result = result_of(1, CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK, 64);
	size_t seen = 0, datagrams = 0;
	ssize_t n;

	for (result.id = 1; result.id <= 100; result.id++)
		assert_int_equal(results_add(&line->results, &result, 0), 0);
	assert_int_equal(results_flush(&line->results), 0);
	for (; (n = receive(line)) > 0; datagrams++) {
		FromWorker *message = cek__internal__v1__from_worker__unpack(NULL, (size_t)n, line->received);

		assert_non_null(message);
		assert_true(n <= RESULTS_ROOM);
		for (size_t i = 0; i < message->results->n_result; i++)
			assert_int_equal(message->results->result[i]->id, ++seen);
		cek__internal__v1__from_worker__free_unpacked(message, NULL);
	}
	assert_int_equal(seen, 100);
	assert_null(memchr(line->arena.base, 0xa5, RESULTS_ROOM));
	assert_int_equal(datagrams, 2);
}

static void test_one_that_never_fits(void **state)
{
	struct line *line = *state;
	JobResult result = result_of(1, CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK, 0);
	char text[RESULTS_ROOM + 1];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	result.text = text;
	assert_int_equal(results_add(&line->results, &result, 0), -EMSGSIZE);
	assert_int_equal(results_flush(&line->results), 0);
	assert_true(receive(line) < 0);
}

static void test_how_long_the_first_waits(void **state)
{
	struct line *line = *state;
	JobResult result = result_of(1, CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK, 32);

	assert_int_equal(results_wait_us(&line->results, 1000, 10), 0);
	assert_int_equal(results_add(&line->results, &result, 1000), 0);
	assert_int_equal(results_add(&line->results, &result, 1040), 0);
	assert_int_equal(results_wait_us(&line->results, 1050, 10), 60);
	assert_int_equal(results_flush(&line->results), 0);
	assert_int_equal(results_wait_us(&line->results, 1060, 10), 0);
}

static void test_nothing_of_them_stays(void **state)
{
	struct line *line = *state;
	JobResult result = result_of(1, CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK, 64);

	assert_int_equal(results_add(&line->results, &result, 0), 0);
	assert_non_null(memchr(line->arena.base, 0xa5, RESULTS_ROOM));
	assert_int_equal(results_flush(&line->results), 0);
	assert_null(memchr(line->arena.base, 0xa5, RESULTS_ROOM));
}

static void test_the_broker_is_gone(void **state)
{
	struct line *line = *state;
	JobResult result = result_of(1, CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK, 64);

	close(line->pair[1]);
	line->pair[1] = -1;
	assert_int_equal(results_add(&line->results, &result, 0), 0);
	assert_int_equal(results_flush(&line->results), -EPIPE);
	assert_null(memchr(line->arena.base, 0xa5, RESULTS_ROOM));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_result),
		TEST(test_several_results),
		TEST(test_any_result_is_as_protobuf_c_packs_it),
		TEST(test_every_length_up_to_the_last_that_fits),
		TEST(test_those_that_do_not_fit_leave_before),
		TEST(test_one_that_never_fits),
		TEST(test_how_long_the_first_waits),
		TEST(test_nothing_of_them_stays),
		TEST(test_the_broker_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
