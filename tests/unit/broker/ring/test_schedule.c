/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/ring/schedule.h"
#include "tests/unit/broker/ring/scheduled_key.h"

static void publish(uint64_t time)
{
	two.created = time;
	key.n_versions = 2;
}

static void test_published_before_it_is_active(void **state)
{
	struct due due;

	reset();
	due = schedule_next(&key);
	assert_int_equal(due.step, STEP_PUBLISH);
	assert_int_equal(due.time, 128 * DAY * US);
	publish(128 * DAY * US);
	due = schedule_next(&key);
	assert_int_equal(due.step, STEP_ACTIVATE);
	assert_ptr_equal(due.version, &two);
	assert_int_equal(due.time, 130 * DAY * US);
}

/* After a downtime of a hundred days: one rotation, in order, and issuers still see the key for the lead time. */
static void test_missed_steps_happen_once(void **state)
{
	struct due due;

	reset();
	due = schedule_next(&key);
	assert_int_equal(due.step, STEP_PUBLISH);
	assert_true(due.time < 230 * DAY * US);
	publish(230 * DAY * US);
	due = schedule_next(&key);
	assert_int_equal(due.step, STEP_ACTIVATE);
	assert_int_equal(due.time, 232 * DAY * US);
	one.state = STATE_DEACTIVATED;
	two.state = STATE_ACTIVE;
	two.activated = 232 * DAY * US;
	key.active = &two;
	due = schedule_next(&key);
	assert_int_equal(due.step, STEP_PUBLISH);
	assert_int_equal(due.time, 260 * DAY * US);
}

static void test_a_rotation_by_hand_resets_the_clock(void **state)
{
	reset();
	one.activated = 115 * DAY * US;
	assert_int_equal(schedule_next(&key).time, (115 + 28) * DAY * US);
}

static void test_nothing_without_a_schedule_or_an_active_version(void **state)
{
	reset();
	key.period = 0;
	assert_int_equal(schedule_next(&key).step, STEP_NONE);
	reset();
	key.active = NULL;
	assert_int_equal(schedule_next(&key).step, STEP_NONE);
}

static void test_ends_of_suspensions_and_waiting_periods(void **state)
{
	struct due due;

	reset();
	key.period = 0;
	one.state = STATE_SUSPENDED;
	assert_int_equal(schedule_next(&key).step, STEP_NONE); /* without an end */
	one.until = 200;
	key.n_versions = 2;
	two.state = STATE_WAITING;
	two.until = 100;
	due = schedule_next(&key);
	assert_int_equal(due.step, STEP_DESTROY);
	assert_ptr_equal(due.version, &two);
	two.destroy_pause.held = true;
	due = schedule_next(&key);
	assert_int_equal(due.step, STEP_RESUME);
	assert_ptr_equal(due.version, &one);
}

static void test_a_lead_longer_than_the_period(void **state)
{
	reset();
	key.lead = 60 * DAY;
	assert_int_equal(schedule_next(&key).time, one.activated);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_before_it_is_active),
		cmocka_unit_test(test_missed_steps_happen_once),
		cmocka_unit_test(test_a_rotation_by_hand_resets_the_clock),
		cmocka_unit_test(test_nothing_without_a_schedule_or_an_active_version),
		cmocka_unit_test(test_ends_of_suspensions_and_waiting_periods),
		cmocka_unit_test(test_a_lead_longer_than_the_period),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
