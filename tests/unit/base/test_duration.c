/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"

static void test_words(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *words;
	} cases[] = {
		{0, "0 seconds"},
		{1, "1 second"},
		{59, "59 seconds"},
		{60, "1 minute"},
		{604800, "7 days"},
		{5400, "1 hour 30 minutes"},
		{86401, "1 day 1 second"},
		{UINT64_MAX, "213503982334601 days 7 hours 15 seconds"},
		{UINT64_MAX - 16, "213503982334601 days 6 hours 59 minutes 59 seconds"},
	};
	char text[DURATION_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(duration_words(cases[i].seconds, text), cases[i].words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
