/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/console/values.c: durations, numbers and times as they are written on the command line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/cekctl/console/values.h"

static uint32_t duration(const char *text)
{
	uint32_t seconds = 0;

	assert_int_equal(value_duration(text, &seconds), 0);
	return seconds;
}

static void test_durations(void **state)
{
	assert_int_equal(duration("0"), 0);
	assert_int_equal(duration("90s"), 90);
	assert_int_equal(duration("15m"), 900);
	assert_int_equal(duration("12h"), 43200);
	assert_int_equal(duration("7d"), 604800);
	assert_int_equal(duration("2w"), 1209600);
	assert_int_equal(duration("1h30m5s"), 5405);
	assert_int_equal(duration("4294967295s"), UINT32_MAX);
}

static void test_bad_durations(void **state)
{
	static const char *const bad[] = {"", "s", "-1", "90", "1h30", "00", "1h0", "1x", "1.5h", " 1", "1 ", "1hh",
		"4294967296s", "4294967295s1s", "7101w7d", "99999999999999999999999"};
	uint32_t seconds = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(value_duration(bad[i], &seconds), -EINVAL);
	assert_int_equal(seconds, 7);
}

static void test_numbers(void **state)
{
	static const char *const bad[] = {"", "-1", "+1", "0x10", "1 ", "4294967296", "99999999999999999999999"};
	uint32_t number = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(value_number(bad[i], &number), -EINVAL);
	assert_int_equal(number, 7);
	assert_int_equal(value_number("4294967295", &number), 0);
	assert_int_equal(number, UINT32_MAX);
	assert_int_equal(value_number("007", &number), 0);
	assert_int_equal(number, 7);
}

static void test_times(void **state)
{
	static const char *const bad[] = {"", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00+0100",
		"2026-02-30T12:00:00Z", "1969-12-31T23:59:59Z", "2026-01-31T12:00:00Zx", "2026-01-31T12:00:00+24:00",
		"2026-01-31T12:00:00+01:60", "2026-01-31T12:00:00+1:000", "1970-01-01T00:30:00+01:00",
		"2026-01-31T12:00:00+"};
	uint64_t time = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(value_time(bad[i], &time), -EINVAL);
	assert_int_equal(time, 7);
	assert_int_equal(value_time("2026-01-31T12:00:00Z", &time), 0);
	assert_int_equal(time, 1769860800ULL * 1000000);
	/* as times are shown */
	assert_int_equal(value_time("2026-01-31 13:00:00+01:00", &time), 0);
	assert_int_equal(time, 1769860800ULL * 1000000);
	assert_int_equal(value_time("2026-01-31T06:30:00-05:30", &time), 0);
	assert_int_equal(time, 1769860800ULL * 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_bad_durations),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
