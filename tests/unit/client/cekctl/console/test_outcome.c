/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/console/outcome.c: one object, its version first, its error last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/cekctl/console/outcome.h"

/* What is printed of it, in one line. */
static void expect_printed(struct outcome *outcome, bool with_error, int status, const char *expected)
{
	FILE *real = stdout;
	char text[1024] = "", *to = text;
	bool good;

	stdout = fmemopen(text, sizeof(text), "w");
	good = outcome_print(outcome, with_error, status);
	fclose(stdout);
	stdout = real;
	assert_true(good);
	assert_null(outcome->answer);
	assert_null(outcome->error);
	for (const char *p = text; *p; p++) /* indentation */
		if (*p != '\n' && (*p != ' ' || p[1] != ' ') && (*p != ' ' || p == text || p[-1] != ' '))
			*to++ = *p;
	*to = '\0';
	assert_string_equal(text, expected);
}

static void test_answer(void **state)
{
	struct outcome outcome = {0};

	expect_printed(&outcome, true, 0, "");
	outcome_answer(&outcome, outcome_object(json_pack("{s:i, s:i}", "b", 1, "a", 2)));
	expect_printed(&outcome, true, 0, "{\"version\": 1,\"b\": 1,\"a\": 2}");
}

static void test_version_is_ours(void **state)
{
	struct outcome outcome = {0};

	outcome_answer(&outcome, outcome_object(json_pack("{s:i, s:i}", "a", 1, "version", 7)));
	expect_printed(&outcome, true, 0, "{\"version\": 1,\"a\": 1}");
	assert_null(outcome_object(NULL));
	assert_null(outcome_object(json_array()));
}

static void test_error(void **state)
{
	struct outcome outcome = {0};

	outcome_error(&outcome, "FAILED", "first", NULL);
	outcome_error(&outcome, "DENIED", "second", "hint");
	expect_printed(&outcome, true, 5,
		"{\"version\": 1,\"error\": {\"status\": \"FAILED\",\"exit\": 5,\"message\": \"first\"}}");
	outcome_error(&outcome, "DENIED", "second", "hint");
	expect_printed(&outcome, false, 4, "");
	outcome_error(&outcome, "DENIED", "m", "h");
	outcome_answer(&outcome, outcome_object(json_pack("{s:b}", "ok", 0)));
	expect_printed(&outcome, true, 4,
		"{\"version\": 1,\"ok\": false,"
		"\"error\": {\"status\": \"DENIED\",\"exit\": 4,\"message\": \"m\",\"hint\": \"h\"}}");
}

static void test_forms(void **state)
{
	struct outcome outcome = {.output = OUTCOME_LINES};

	outcome_error(&outcome, "FAILED", "m", NULL);
	expect_printed(&outcome, true, 1,
		"{\"version\":1,\"error\":{\"status\":\"FAILED\",\"exit\":1,\"message\":\"m\"}}");
	outcome.output = OUTCOME_OWN;
	outcome_error(&outcome, "FAILED", "m", NULL);
	expect_printed(&outcome, true, 1, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_version_is_ours),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
