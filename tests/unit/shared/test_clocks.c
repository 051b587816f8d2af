/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/shared/clocks.h"

#define SECOND UINT64_C(1000000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define THEN (UINT64_C(1767323045) * SECOND)

static struct clocks in_boot(const char *boot, uint64_t time, uint64_t up)
{
	struct clocks clocks = {.last = 0};

	clocks_open(&clocks, boot);
	clocks_record(&clocks, time, up, false);
	return clocks;
}

/* Within a boot: however long nothing is written. */
static void test_a_step_while_the_machine_is_up(void **state)
{
	static const struct {
		int64_t seconds;
		bool jumped;
	} rows[] = {{-60, false}, {-61, true}, {0, false}, {900, false}, {901, true}, {8 * 86400, true}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const int64_t by = rows[i].seconds * (int64_t)SECOND;
		struct clocks looked = in_boot("one", THEN, HOUR), written = looked, restarted = looked;

		assert_int_equal(clocks_look(&looked, THEN + 30 * DAY + (uint64_t)by, HOUR + 30 * DAY),
			rows[i].jumped ? by : 0);
		assert_int_equal(looked.jumped, rows[i].jumped);
		clocks_record(&written, THEN + 30 * DAY + (uint64_t)by, HOUR + 30 * DAY, false);
		assert_int_equal(written.jumped, rows[i].jumped);
		clocks_open(&restarted, "one");
		clocks_record(&restarted, THEN + 30 * DAY + (uint64_t)by, HOUR + 30 * DAY, false);
		assert_int_equal(restarted.jumped, rows[i].jumped);
		assert_int_equal(restarted.away, 0);
	}
}

static void test_small_steps_add_up(void **state)
{
	struct clocks clocks = in_boot("one", THEN, HOUR);

	for (uint64_t i = 1; i <= 15; i++)
		clocks_record(&clocks, THEN + i * 60 * SECOND, HOUR, false);
	assert_false(clocks.jumped);
	clocks_record(&clocks, THEN + 16 * 60 * SECOND, HOUR, false);
	assert_true(clocks.jumped);
}

/* And only what was confirmed is believed from then on. */
static void test_a_confirmation(void **state)
{
	struct clocks clocks = in_boot("one", THEN, HOUR);

	clocks_record(&clocks, THEN + DAY, HOUR, false);
	clocks_record(&clocks, THEN + DAY, HOUR, false);
	assert_true(clocks.jumped);
	clocks_record(&clocks, THEN + DAY, HOUR, true);
	assert_false(clocks.jumped);
	assert_int_equal(clocks_look(&clocks, THEN + DAY, HOUR), 0);
	assert_true(clocks_look(&clocks, THEN, HOUR) != 0);
}

/* What began before it is doubtful, what begins after it is not. */
static void test_time_that_nobody_saw_pass(void **state)
{
	static const struct {
		uint64_t gap;
		bool away;
	} rows[] = {{HOUR, false}, {DAY, false}, {DAY + SECOND, true}, {21 * DAY, true}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct clocks clocks = in_boot("one", THEN, HOUR);
		const struct wait before = wait_begin(&clocks, THEN + 7 * DAY, THEN, HOUR);
		struct wait after;

		clocks_open(&clocks, "two");
		clocks_record(&clocks, THEN + rows[i].gap, SECOND, false);
		after = wait_begin(&clocks, THEN + 60 * DAY, THEN + rows[i].gap, SECOND);
		assert_false(clocks.jumped);
		assert_int_equal(wait_doubtful(&before, &clocks), rows[i].away);
		assert_false(wait_doubtful(&after, &clocks));
		clocks_record(&clocks, THEN + rows[i].gap, SECOND, true);
		assert_false(wait_doubtful(&before, &clocks));
	}
}

static void test_a_clock_set_back_over_a_boot(void **state)
{
	struct clocks clocks = in_boot("one", THEN, HOUR);

	clocks_open(&clocks, "two");
	clocks_record(&clocks, THEN - 61 * SECOND, SECOND, false);
	assert_true(clocks.jumped);
}

/* The kernel has not told which boot it is: each start counts as one. */
static void test_an_unknown_boot(void **state)
{
	struct clocks clocks = in_boot("", THEN, HOUR);
	const struct wait wait = wait_begin(&clocks, THEN + DAY, THEN, HOUR);

	assert_false(wait_over_up(&wait, &clocks, HOUR));
	clocks_open(&clocks, "");
	clocks_record(&clocks, THEN + HOUR, SECOND, false);
	assert_false(clocks.jumped);
	assert_true(wait_over_up(&wait, &clocks, SECOND));
}

/* Older releases wrote the real time alone. */
static void test_records_of_older_releases(void **state)
{
	struct clocks clocks = {.last = 0};
	struct wait wait;

	clocks_open(&clocks, "");
	clocks_record(&clocks, THEN, 0, false);
	clocks_record(&clocks, THEN + 365 * DAY, 0, false);
	assert_false(clocks.jumped);
	wait = wait_begin(&clocks, THEN + 366 * DAY, THEN + 365 * DAY, 0);
	assert_true(wait_over_up(&wait, &clocks, 1));
	clocks_record(&clocks, THEN + 2 * 365 * DAY + SECOND, 0, false);
	assert_true(clocks.jumped);
	clocks_record(&clocks, THEN + 2 * 365 * DAY + SECOND, 0, true);
	clocks_record(&clocks, THEN, 0, false);
	assert_true(clocks.jumped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_step_while_the_machine_is_up),
		cmocka_unit_test(test_small_steps_add_up),
		cmocka_unit_test(test_a_confirmation),
		cmocka_unit_test(test_time_that_nobody_saw_pass),
		cmocka_unit_test(test_a_clock_set_back_over_a_boot),
		cmocka_unit_test(test_an_unknown_boot),
		cmocka_unit_test(test_records_of_older_releases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
