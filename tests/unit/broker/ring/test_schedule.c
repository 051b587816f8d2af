/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/ring/schedule.h"

enum { DAY = 86400 };

#define US UINT64_C(1000000)

static struct version one = {.state = STATE_ACTIVE}, two = {.state = STATE_PRE_ACTIVE};
static struct version *versions[] = {&one, &two};
static struct key key;

/* A key whose version became active at day 100, with a period of 30 days and a lead of 2. */
static void reset(void)
{
	key = (struct key){.versions = versions,
		.n_versions = 1,
		.active = &one,
		.period = 30 * DAY,
		.lead = 2 * DAY,
		.token_lifetime = 600,
		.jwks_max_age = 3600};
	one = (struct version){.key = &key,
		.state = STATE_ACTIVE,
		.created = 100 * DAY * US,
		.activated = 100 * DAY * US};
	two = (struct version){.key = &key, .state = STATE_PRE_ACTIVE};
}

static void publish(uint64_t time)
{
	two.created = time;
	key.n_versions = 2;
}

static void test_published_before_it_is_active(void **state)
{
	struct due due;

	reset();
	due = schedule_next(&key, false);
	assert_int_equal(due.step, STEP_PUBLISH);
	assert_int_equal(due.time, 128 * DAY * US);
	publish(128 * DAY * US);
	due = schedule_next(&key, false);
	assert_int_equal(due.step, STEP_ACTIVATE);
	assert_ptr_equal(due.version, &two);
	assert_int_equal(due.time, 130 * DAY * US);
}

/* After a downtime of a hundred days: one rotation, in order, and issuers still see the key for the lead time. */
static void test_missed_steps_happen_once(void **state)
{
	struct due due;

	reset();
	due = schedule_next(&key, false);
	assert_int_equal(due.step, STEP_PUBLISH);
	assert_true(due.time < 230 * DAY * US);
	publish(230 * DAY * US);
	due = schedule_next(&key, false);
	assert_int_equal(due.step, STEP_ACTIVATE);
	assert_int_equal(due.time, 232 * DAY * US);
	one.state = STATE_DEACTIVATED;
	two.state = STATE_ACTIVE;
	two.activated = 232 * DAY * US;
	key.active = &two;
	due = schedule_next(&key, false);
	assert_int_equal(due.step, STEP_PUBLISH);
	assert_int_equal(due.time, 260 * DAY * US);
}

static void test_a_rotation_by_hand_resets_the_clock(void **state)
{
	reset();
	one.activated = 115 * DAY * US;
	assert_int_equal(schedule_next(&key, false).time, (115 + 28) * DAY * US);
}

static void test_nothing_without_a_schedule_or_an_active_version(void **state)
{
	reset();
	key.period = 0;
	assert_int_equal(schedule_next(&key, false).step, STEP_NONE);
	reset();
	key.active = NULL;
	assert_int_equal(schedule_next(&key, false).step, STEP_NONE);
}

static void test_ends_of_suspensions_and_waiting_periods(void **state)
{
	struct due due;

	reset();
	key.period = 0;
	one.state = STATE_SUSPENDED;
	assert_int_equal(schedule_next(&key, false).step, STEP_NONE); /* without an end */
	one.until = 200;
	key.n_versions = 2;
	two.state = STATE_WAITING;
	two.until = 100;
	due = schedule_next(&key, false);
	assert_int_equal(due.step, STEP_DESTROY);
	assert_ptr_equal(due.version, &two);
	due = schedule_next(&key, true); /* the clock is not to be trusted */
	assert_int_equal(due.step, STEP_RESUME);
	assert_ptr_equal(due.version, &one);
}

static void test_overlap(void **state)
{
	reset();
	assert_int_equal(schedule_overlap(&key, 60), 4260);
	assert_int_equal(schedule_overlap_end(&one, 60), (130 * DAY + 4260) * US);
	key.period = 0;
	assert_int_equal(schedule_overlap_end(&one, 60), 0);
	one.deactivated = 200 * US;
	assert_int_equal(schedule_overlap_end(&one, 60), 4460 * US);
	key.overlap = 10;
	assert_int_equal(schedule_overlap_end(&one, 60), 210 * US);
}

/* Without a token lifetime and an overlap nobody knows; an overlap alone, or a lifetime alone, is enough. */
static void test_unknown_overlap(void **state)
{
	struct planned plan[PLAN_MAX];
	size_t n, more;

	reset();
	key.token_lifetime = 0;
	one.deactivated = 200 * US;
	assert_false(schedule_overlap_known(&key));
	assert_int_equal(schedule_overlap_end(&one, 60), 0);
	key.overlap = 10;
	assert_true(schedule_overlap_known(&key));
	assert_int_equal(schedule_overlap_end(&one, 60), 210 * US);
	key.overlap = 0;
	key.token_lifetime = 1;
	key.jwks_max_age = 0;
	assert_int_equal(schedule_overlap_end(&one, 60), 261 * US);
	reset();
	key.token_lifetime = 0;
	assert_int_equal(schedule_overlap_end(&one, 60), 0);
	two.state = STATE_DEACTIVATED;
	n = schedule_plan(&key, 110 * DAY * US, 60, true, plan, &more);
	assert_int_equal(more, 0);
	assert_true(n > 2);
	for (size_t i = 0; i < n; i++) {
		bool retire = strcmp(plan[i].what, "retire") == 0;

		assert_int_equal(plan[i].time == 0, retire);
		assert_true(i == 0 || plan[i].time == 0 || plan[i - 1].time != 0);
		if (retire)
			assert_non_null(strstr(plan[i].why, "not known"));
	}
	assert_string_equal(plan[n - 1].what, "retire");
}

static void test_a_lead_longer_than_the_period(void **state)
{
	reset();
	key.lead = 60 * DAY;
	assert_int_equal(schedule_next(&key, false).time, one.activated);
}

static void test_the_plan_is_in_order(void **state)
{
	struct planned plan[PLAN_MAX];
	size_t n, more;

	reset();
	for (int rotate = 0; rotate < 2; rotate++) {
		n = schedule_plan(&key, 110 * DAY * US, 60, rotate, plan, &more);
		assert_int_equal(more, 0);
		assert_true(n > 4 && n <= PLAN_MAX);
		for (size_t i = 1; i < n; i++)
			assert_true(plan[i - 1].time <= plan[i].time);
		assert_string_equal(plan[0].what, rotate ? "activate" : "publish");
		assert_int_equal(plan[0].time, (rotate ? UINT64_C(110) : UINT64_C(128)) * DAY * US);
	}
	assert_string_equal(plan[1].what, "retire");
	assert_ptr_equal(plan[1].version, &one);
	assert_int_equal(plan[1].time, (110 * DAY + 4260) * US);
	assert_non_null(strstr(plan[1].why, "3600"));
}

/* Many old versions whose overlap runs: some of their retirements are left out, and counted; never a rotation. */
static void test_a_plan_with_many_old_versions(void **state)
{
	enum { OLD = 40 };
	static struct version old[OLD];
	struct version *all[OLD + 1];
	struct planned plan[PLAN_MAX];
	size_t n, more, activations;

	reset();
	for (size_t i = 0; i < OLD; i++) {
		old[i] = (struct version){.key = &key,
			.state = STATE_DEACTIVATED,
			.deactivated = (100 * DAY - OLD + i) * US};
		all[i] = &old[i];
	}
	all[OLD] = &one;
	key.versions = all;
	key.n_versions = OLD + 1;
	for (int rotate = 0; rotate < 2; rotate++) {
		n = schedule_plan(&key, 100 * DAY * US, 60, rotate, plan, &more);
		activations = 0;
		for (size_t i = 0; i < n; i++)
			activations += strcmp(plan[i].what, "activate") == 0;
		assert_int_equal(activations, rotate ? 3 : 2);
		assert_int_equal(more, OLD - (PLAN_MAX - PLAN_ROTATIONS));
		assert_true(n <= PLAN_MAX);
		assert_int_equal(n, PLAN_MAX - PLAN_ROTATIONS + (rotate ? 8 : 6));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_before_it_is_active),
		cmocka_unit_test(test_missed_steps_happen_once),
		cmocka_unit_test(test_a_rotation_by_hand_resets_the_clock),
		cmocka_unit_test(test_nothing_without_a_schedule_or_an_active_version),
		cmocka_unit_test(test_ends_of_suspensions_and_waiting_periods),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_unknown_overlap),
		cmocka_unit_test(test_a_lead_longer_than_the_period),
		cmocka_unit_test(test_the_plan_is_in_order),
		cmocka_unit_test(test_a_plan_with_many_old_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
