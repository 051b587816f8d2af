/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.c: what is refused before the token is asked; the rest is in tests/token. */
#include "daemon/token/jobs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

typedef Cek__Internal__V1__WrapJob WrapJob;
typedef Cek__Internal__V1__JobResult JobResult;

#define OUTCOME(name) CEK__INTERNAL__V1__OUTCOME__OUTCOME_##name

static struct worker worker; /* without a session: whoever asks the token fails by a signal */
static uint8_t cek[CEK_LEN_MAX + 1];

static int setup(void **state)
{
	(void)state;
	memset(cek, 1, sizeof(cek));
	return arena_init(&worker.token.arena, 65536);
}

static int teardown(void **state)
{
	(void)state;
	arena_deinit(&worker.token.arena);
	return 0;
}

static WrapJob wrap_of(const char *alg, size_t len, uint32_t cek_len)
{
	WrapJob job = CEK__INTERNAL__V1__WRAP_JOB__INIT;

	job.alg = (char *)(uintptr_t)alg;
	job.cek = (ProtobufCBinaryData){len, len ? cek : NULL};
	job.cek_len = cek_len;
	return job;
}

static void check_nothing(const JobResult *result, int outcome)
{
	assert_int_equal(result->outcome, outcome);
	assert_int_equal(result->cek.len, 0);
	assert_int_equal(result->encrypted_key.len, 0);
	assert_null(result->params);
}

static void check_wrap(const char *alg, size_t len, uint32_t cek_len, int outcome)
{
	const WrapJob job = wrap_of(alg, len, cek_len);
	JobResult result = CEK__INTERNAL__V1__JOB_RESULT__INIT;

	job_wrap(&worker, &job, &result);
	check_nothing(&result, outcome);
	arena_reset(&worker.token.arena);
}

static void unwrap_refuses(void **state)
{
	static const struct {
		const char *alg;
		uint32_t cek_len;
	} rows[] = {{"A256KW", 0}, {"A256KW", CEK_LEN_MAX + 1}, {"RSA1_5", 32}, {"", 32}};

	(void)state;
	for (size_t i = 0; i <= sizeof(rows) / sizeof(rows[0]); i++) {
		Cek__Internal__V1__UnwrapJob job = CEK__INTERNAL__V1__UNWRAP_JOB__INIT;
		JobResult result = CEK__INTERNAL__V1__JOB_RESULT__INIT;
		const bool full = i == sizeof(rows) / sizeof(rows[0]);

		job.alg = (char *)(uintptr_t)rows[full ? 0 : i].alg;
		job.cek_len = rows[full ? 0 : i].cek_len;
		if (full)
			arena_alloc(&worker.token.arena, worker.token.arena.size);
		job_unwrap(&worker, &job, &result);
		check_nothing(&result, full ? OUTCOME(INTERNAL) : OUTCOME(UNSUPPORTED));
		arena_reset(&worker.token.arena);
	}
}

static void wrap_refuses(void **state)
{
	(void)state;
	check_wrap("A256KW", 0, 0, OUTCOME(INTERNAL));
	check_wrap("A256KW", 0, CEK_LEN_MAX + 1, OUTCOME(INTERNAL));
	check_wrap("A256KW", CEK_LEN_MAX + 1, CEK_LEN_MAX + 1, OUTCOME(INTERNAL));
	check_wrap("A256KW", 31, 32, OUTCOME(INTERNAL));
	check_wrap("A256KW", 33, 32, OUTCOME(INTERNAL));
	check_wrap("RSA1_5", 32, 32, OUTCOME(UNSUPPORTED));
	memset(cek, 0, sizeof(cek));
	check_wrap("A256KW", 32, 32, OUTCOME(UNSUPPORTED));
	cek[31] = 1;
	arena_alloc(&worker.token.arena, worker.token.arena.size);
	check_wrap("A256KW", 32, 32, OUTCOME(INTERNAL));
}

static void rewrap_refuses(void **state)
{
	Cek__Internal__V1__UnwrapJob from = CEK__INTERNAL__V1__UNWRAP_JOB__INIT;
	WrapJob to = wrap_of("A256KW", 0, 32);
	Cek__Internal__V1__RewrapJob job = CEK__INTERNAL__V1__REWRAP_JOB__INIT;

	(void)state;
	from.cek_len = 16;
	for (int i = 0; i < 4; i++) {
		JobResult result = CEK__INTERNAL__V1__JOB_RESULT__INIT;

		job.from = i & 1 ? &from : NULL;
		job.to = i & 2 ? &to : NULL;
		job_rewrap(&worker, &job, &result);
		check_nothing(&result, OUTCOME(INTERNAL));
		arena_reset(&worker.token.arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(unwrap_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(wrap_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(rewrap_refuses, setup, teardown),
	};

	return cmocka_run_group_tests_name("token_jobs", tests, NULL, NULL);
}
