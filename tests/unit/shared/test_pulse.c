/* SPDX-License-Identifier: Apache-2.0 */
/* With a clock in the test's hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/shared/pulse.h"

static const uint64_t second = 1000000, begin = 77777777;

/* Beat in time until so much has passed. */
static uint64_t run(struct pulse *pulse, uint64_t now, uint64_t us)
{
	for (const uint64_t end = now + us; now < end;) {
		now += pulse->period_us;
		pulse_beat(pulse, now);
	}
	return now;
}

static void test_periods(void **state)
{
	struct pulse pulse;

	(void)state;
	pulse_init(&pulse, 10, begin);
	assert_int_equal(pulse_period(&pulse).tv_sec, 1);
	assert_int_equal(pulse_period(&pulse).tv_usec, 0);
	pulse_init(&pulse, 2, begin);
	assert_int_equal(pulse_period(&pulse).tv_sec, 0);
	assert_int_equal(pulse_period(&pulse).tv_usec, 250000);
	pulse_init(&pulse, 0, begin);
	assert_int_equal(pulse.bound_us, second);
}

static void test_nothing_owed_is_never_late(void **state)
{
	struct pulse pulse;

	(void)state;
	pulse_init(&pulse, 2, begin);
	run(&pulse, begin, 100 * second);
	assert_int_equal(pulse_age(&pulse, 0), 0);
	assert_false(pulse_late(&pulse, 0, 0));
	assert_false(pulse_over(&pulse, 0, 0));
}

static void test_bounds(void **state)
{
	struct pulse pulse;
	uint64_t since, now;

	(void)state;
	pulse_init(&pulse, 4, begin);
	since = pulse.now_us;
	now = run(&pulse, begin, second - pulse.period_us);
	assert_false(pulse_late(&pulse, since, 0));
	now = run(&pulse, now, pulse.period_us);
	assert_true(pulse_late(&pulse, since, 0));
	assert_false(pulse_late(&pulse, since, 1));
	now = run(&pulse, now, 3 * second - pulse.period_us);
	assert_false(pulse_over(&pulse, since, 0));
	now = run(&pulse, now, pulse.period_us);
	assert_true(pulse_over(&pulse, since, 0));
	assert_false(pulse_over(&pulse, since, 1));
	assert_int_equal(pulse_age(&pulse, since), 4 * second);
}

/* The judge was stopped, or the machine was. */
static void test_time_in_which_the_loop_did_not_run(void **state)
{
	struct pulse pulse;
	uint64_t since, now;

	(void)state;
	pulse_init(&pulse, 2, begin);
	since = pulse.now_us;
	now = begin + 3600 * second;
	pulse_beat(&pulse, now);
	assert_int_equal(pulse_age(&pulse, since), pulse.period_us);
	pulse_beat(&pulse, now); /* timers that were due several times come at once */
	assert_int_equal(pulse_age(&pulse, since), pulse.period_us);
	pulse_beat(&pulse, now - second);
	assert_int_equal(pulse_age(&pulse, since), pulse.period_us);
	assert_false(pulse_late(&pulse, since, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_periods),
		cmocka_unit_test(test_nothing_owed_is_never_late),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_time_in_which_the_loop_did_not_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
