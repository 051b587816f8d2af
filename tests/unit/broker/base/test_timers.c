/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/broker/base/timers.h"

enum { TICK = TIMERS_TICK_US, ROUND = TIMERS_TICK_US * TIMERS_SLOTS };

static struct timers timers;
static struct timer one, two;
static unsigned fired;

static void on_fire(struct timer *timer)
{
	fired++;
}

static void on_fire_again(struct timer *timer)
{
	fired++;
	timer_set(&timers, timer, timer->due_us + 2 * TICK, on_fire_again);
}

static int setup(void **state)
{
	timers_init(&timers, 0);
	one = two = (struct timer){0};
	fired = 0;
	return 0;
}

static void test_never_early_and_late_by_a_tick_at_most(void **state)
{
	uint64_t due = 10 * TICK + 7;

	timer_set(&timers, &one, due, on_fire);
	timers_turn(&timers, due - 1);
	assert_int_equal(fired, 0);
	assert_int_equal(timers.count, 1);
	timers_turn(&timers, due + TICK);
	assert_int_equal(fired, 1);
	assert_int_equal(timers.count, 0);
	timers_turn(&timers, due + 10 * TICK);
	assert_int_equal(fired, 1);
}

static void test_what_is_due_in_a_later_round_waits_for_it(void **state)
{
	timer_set(&timers, &one, 3 * TICK, on_fire);
	timer_set(&timers, &two, ROUND + 3 * TICK, on_fire); /* in the same slot */
	timers_turn(&timers, 5 * TICK);
	assert_int_equal(fired, 1);
	assert_int_equal(timers.count, 1);
	for (uint64_t now = 6 * TICK; now <= ROUND + 2 * TICK; now += TICK)
		timers_turn(&timers, now);
	assert_int_equal(fired, 1);
	timers_turn(&timers, ROUND + 5 * TICK);
	assert_int_equal(fired, 2);
}

static void test_a_timer_that_is_moved_or_cleared(void **state)
{
	timer_set(&timers, &one, 3 * TICK, on_fire);
	timer_set(&timers, &one, 20 * TICK, on_fire);
	timer_set(&timers, &two, 3 * TICK, on_fire);
	timer_clear(&timers, &two);
	timer_clear(&timers, &two);
	assert_int_equal(timers.count, 1);
	timers_turn(&timers, 10 * TICK);
	assert_int_equal(fired, 0);
	timers_turn(&timers, 30 * TICK);
	assert_int_equal(fired, 1);
}

/* A due time that has passed already is the next tick, and a pause of many rounds misses nothing. */
static void test_the_past_and_a_long_pause(void **state)
{
	timers_turn(&timers, 100 * TICK);
	timer_set(&timers, &one, 5, on_fire);
	timers_turn(&timers, 102 * TICK);
	assert_int_equal(fired, 1);
	timer_set(&timers, &two, 200 * TICK, on_fire);
	timers_turn(&timers, 50 * (uint64_t)ROUND);
	assert_int_equal(fired, 2);
}

static void test_a_timer_sets_itself_again(void **state)
{
	timer_set(&timers, &one, 2 * TICK, on_fire_again);
	for (uint64_t now = 0; now <= 20 * TICK; now += TICK)
		timers_turn(&timers, now);
	assert_in_range(fired, 8, 10);
	assert_int_equal(timers.count, 1);
	timer_clear(&timers, &one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_never_early_and_late_by_a_tick_at_most, setup),
		cmocka_unit_test_setup(test_what_is_due_in_a_later_round_waits_for_it, setup),
		cmocka_unit_test_setup(test_a_timer_that_is_moved_or_cleared, setup),
		cmocka_unit_test_setup(test_the_past_and_a_long_pause, setup),
		cmocka_unit_test_setup(test_a_timer_sets_itself_again, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
