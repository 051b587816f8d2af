/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/rpc/openmetrics.c: text as a daemon writes it, and text as it must not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/cekctl/rpc/openmetrics.h"

static void expect(const char *text, const char *expected)
{
	json_t *json = openmetrics_json(text);
	char *shown = json ? json_dumps(json, JSON_COMPACT) : NULL;

	if (expected) {
		assert_non_null(shown);
		assert_string_equal(shown, expected);
	} else {
		assert_null(json);
	}
	free(shown);
	json_decref(json);
}

static void test_families(void **state)
{
	expect("# EOF\n", "[]");
	expect("# TYPE a counter\n# HELP a Two words.\na_total 7\n# EOF\n",
		"[{\"name\":\"a\",\"samples\":[{\"name\":\"a_total\",\"labels\":{},\"value\":7}],\"type\":\"counter\","
		"\"help\":\"Two words.\"}]");
	expect("# TYPE h histogram\n# UNIT h seconds\nh_bucket{op=\"x\",le=\"0.5\"} 1\nh_sum 0.25\n# TYPE g gauge\ng "
	       "-1\n"
	       "# EOF\n",
		"[{\"name\":\"h\",\"samples\":["
		"{\"name\":\"h_bucket\",\"labels\":{\"op\":\"x\",\"le\":\"0.5\"},\"value\":1},"
		"{\"name\":\"h_sum\",\"labels\":{},\"value\":0.25}],\"type\":\"histogram\",\"unit\":\"seconds\"},"
		"{\"name\":\"g\",\"samples\":[{\"name\":\"g\",\"labels\":{},\"value\":-1.0}],\"type\":\"gauge\"}]");
}

static void test_escapes_and_numbers(void **state)
{
	expect("a{l=\"q\\\"b\\\\n\\n\"} NaN\na{} +Inf 123\n# EOF\n",
		"[{\"name\":\"a\",\"samples\":[{\"name\":\"a\",\"labels\":{\"l\":\"q\\\"b\\\\n\\n\"}},"
		"{\"name\":\"a\",\"labels\":{}}]}]");
}

static void test_bad(void **state)
{
	static const char *const bad[] = {"\n", " ", "# \n", "# TYPE\n", "# TYPE a\n", "# FOO a b\n", "a\n", "a \n",
		"a x\n", "a 1", "a{ 1\n", "a{l} 1\n", "a{l=\"x} 1\n", "a{l=\"x\"\n", "a{=\"x\"} 1\n", "{} 1\n",
		"a 99999999999999999999\n", "# EOF", "a 1 # EOF"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(bad[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_escapes_and_numbers),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
