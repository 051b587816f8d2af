/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/depth.h"

static void test_depth(void **state)
{
	static const struct {
		const char *text;
		unsigned depth;
	} rows[] = {
		{"", 0},
		{"1", 0},
		{"[]", 1},
		{"{\"a\":[{}],\"b\":[]}", 3},
		{"[[],[],[]]", 2},
		{"\"[[[\"", 0},
		{"[\"\\\"[[\"]", 1},
		{"[\"\\\\\",[]]", 2},
		{"{\"a[\":\"}\",\"b\":{}}", 2},
		{"[[[[[[[[", 8},
		{"]]]][", 1},
		{"\"\\", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned max = 0; max < 10; max++)
			assert_int_equal(json_depth_within(rows[i].text, strlen(rows[i].text), max),
				max >= rows[i].depth);
	assert_true(json_depth_within("[[", 1, 1)); /* no further than len */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
