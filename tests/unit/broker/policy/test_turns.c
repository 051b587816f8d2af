/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/broker/policy/turns.h"

enum { N = 5 };

struct test {
	struct turns turns;
	struct turns_place place[N];
	uint64_t served_us[N];
};

static int setup(void **state)
{
	static struct test test;

	test = (struct test){0};
	turns_init(&test.turns);
	for (int i = 0; i < N; i++)
		turns_place_init(&test.place[i]);
	*state = &test;
	return 0;
}

static int next(struct test *test)
{
	struct turns_place *place = turns_next(&test->turns);

	return place ? (int)(place - test->place) : -1;
}

/* The next one works for so long; returns who it was. */
static int serve(struct test *test, const uint64_t cost_us[N])
{
	int i = next(test);

	assert_in_range(i, 0, N - 1);
	turns_charge(&test->turns, &test->place[i], cost_us[i]);
	test->served_us[i] += cost_us[i];
	return i;
}

/* Whatever one request of each costs, all who always have something to do get the same time. */
static void test_the_same_time_for_all(void **state)
{
	static const uint64_t cost_us[N] = {1, 7, 150, 450, 900};
	struct test *test = *state;
	uint64_t least = UINT64_MAX, most = 0;

	for (int i = 0; i < N; i++)
		turns_enter(&test->turns, &test->place[i]);
	for (int i = 0; i < 200000; i++)
		(void)serve(test, cost_us);
	for (int i = 0; i < N; i++) {
		least = test->served_us[i] < least ? test->served_us[i] : least;
		most = test->served_us[i] > most ? test->served_us[i] : most;
	}
	assert_true(most - least <= 3 * TURNS_DEBT_US);
}

/* Between two turns of one that costs little no other gets more than what it may owe. */
static void test_who_costs_little_does_not_wait(void **state)
{
	static const uint64_t cost_us[N] = {5, 900, 900, 900, 900};
	struct test *test = *state;

	for (int i = 1; i < N; i++)
		turns_enter(&test->turns, &test->place[i]);
	for (int i = 0; i < 3000; i++) {
		uint64_t before_us = 0, all_us = 0;

		for (int j = 1; j < N; j++)
			before_us += test->served_us[j];
		turns_enter(&test->turns, &test->place[0]);
		while (serve(test, cost_us) != 0)
			continue;
		turns_leave(&test->place[0]);
		for (int j = 1; j < N; j++)
			all_us += test->served_us[j];
		assert_true(all_us - before_us <= (N - 1) * 900);
		(void)serve(test, cost_us);
	}
	/* Most times it was the first: once in a quantum it waits. */
	assert_true(test->served_us[1] + test->served_us[2] + test->served_us[3] + test->served_us[4] <
		(uint64_t)900 * (3000 + (3000 * 5 / TURNS_QUANTUM_US + 2) * (N - 1) * 2));
}

static void test_debts_are_bounded_and_forgiven(void **state)
{
	struct test *test = *state;

	turns_charge(&test->turns, &test->place[0], UINT64_MAX);
	assert_int_equal(test->place[0].credit_us, -TURNS_DEBT_US);
	assert_false(turns_forgiven(&test->turns, &test->place[0]));
	turns_enter(&test->turns, &test->place[0]);
	turns_enter(&test->turns, &test->place[1]);
	assert_int_equal(next(test), 1);
	turns_leave(&test->place[1]);
	assert_int_equal(next(test), 0); /* alone it need not wait until that is paid */
	turns_leave(&test->place[0]);
	turns_charge(&test->turns, &test->place[0], TURNS_DEBT_US);
	assert_int_equal(next(test), -1);
	assert_true(turns_forgiven(&test->turns, &test->place[0]));
	turns_enter(&test->turns, &test->place[0]);
	assert_int_equal(test->place[0].credit_us, TURNS_QUANTUM_US);
}

static void test_how_long_a_turn_is(void **state)
{
	struct test *test = *state;

	turns_enter(&test->turns, &test->place[0]);
	assert_int_equal(turns_slice(&test->turns, &test->place[0], 1000), 1000);
	assert_int_equal(turns_slice(&test->turns, &test->place[0], 10), 10);
	turns_enter(&test->turns, &test->place[1]);
	assert_int_equal(turns_slice(&test->turns, &test->place[0], 1000), TURNS_QUANTUM_US);
	assert_int_equal(turns_slice(&test->turns, &test->place[0], 10), 10);
	turns_charge(&test->turns, &test->place[0], 50);
	assert_int_equal(turns_slice(&test->turns, &test->place[0], 1000), TURNS_QUANTUM_US - 50);
	turns_leave(&test->place[1]);
	turns_charge(&test->turns, &test->place[0], TURNS_QUANTUM_US);
	assert_int_equal(next(test), 0);
	assert_int_equal(turns_slice(&test->turns, &test->place[0], 1000), 1000);
	turns_enter(&test->turns, &test->place[2]);
	assert_int_equal(turns_slice(&test->turns, &test->place[0], 1000), TURNS_QUANTUM_US - 50);
}

static void test_in_and_out_twice(void **state)
{
	struct test *test = *state;

	assert_int_equal(next(test), -1);
	assert_false(turns_waiting(&test->turns));
	turns_leave(&test->place[0]);
	turns_enter(&test->turns, &test->place[0]);
	turns_enter(&test->turns, &test->place[0]);
	assert_true(turns_waiting(&test->turns));
	turns_leave(&test->place[0]);
	turns_leave(&test->place[0]);
	assert_false(turns_waiting(&test->turns));
	assert_int_equal(next(test), -1);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_same_time_for_all),
		TEST(test_who_costs_little_does_not_wait),
		TEST(test_debts_are_bounded_and_forgiven),
		TEST(test_how_long_a_turn_is),
		TEST(test_in_and_out_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
