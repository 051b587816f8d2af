#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/moves.h"

static bool may(enum state from, enum state to, enum state before)
{
	return move_refused(from, to, before) == NULL;
}

static void test_every_pair_of_states_has_an_answer(void **state)
{
	for (int from = STATE_PRE_ACTIVE; from < STATE_COUNT; from++) {
		for (int to = STATE_PRE_ACTIVE; to < STATE_COUNT; to++) {
			const char *why = move_refused((enum state)from, (enum state)to, STATE_NONE);

			assert_true(!why || strlen(why) > 10);
			assert_true(!why || strcmp(why, "there is no such state to go to") != 0);
		}
		assert_non_null(move_refused((enum state)from, STATE_NONE, STATE_NONE));
		assert_non_null(move_refused((enum state)from, STATE_COUNT, STATE_NONE));
	}
}

static void test_the_usual_life(void **state)
{
	assert_true(may(STATE_PRE_ACTIVE, STATE_ACTIVE, STATE_NONE));
	assert_true(may(STATE_ACTIVE, STATE_DEACTIVATED, STATE_NONE));
	assert_true(may(STATE_DEACTIVATED, STATE_WAITING, STATE_NONE));
	assert_true(may(STATE_WAITING, STATE_DESTROYED, STATE_DEACTIVATED));
	assert_false(may(STATE_DEACTIVATED, STATE_ACTIVE, STATE_NONE));
	assert_false(may(STATE_ACTIVE, STATE_WAITING, STATE_NONE));
	for (int from = STATE_PRE_ACTIVE; from < STATE_COUNT; from++)
		assert_true(from == STATE_WAITING || !may((enum state)from, STATE_DESTROYED, STATE_NONE));
}

static void test_a_suspension_goes_back_where_it_came_from(void **state)
{
	assert_true(may(STATE_SUSPENDED, STATE_ACTIVE, STATE_ACTIVE));
	assert_true(may(STATE_SUSPENDED, STATE_DEACTIVATED, STATE_ACTIVE));
	assert_true(may(STATE_SUSPENDED, STATE_DEACTIVATED, STATE_DEACTIVATED));
	assert_false(may(STATE_SUSPENDED, STATE_ACTIVE, STATE_DEACTIVATED));
	assert_true(may(STATE_SUSPENDED, STATE_PRE_ACTIVE, STATE_PRE_ACTIVE));
	assert_false(may(STATE_SUSPENDED, STATE_ACTIVE, STATE_PRE_ACTIVE));
	assert_true(may(STATE_SUSPENDED, STATE_SUSPENDED, STATE_ACTIVE)); /* another end */
}

static void test_a_destruction_is_taken_back(void **state)
{
	assert_true(may(STATE_WAITING, STATE_DEACTIVATED, STATE_DEACTIVATED));
	assert_false(may(STATE_WAITING, STATE_ACTIVE, STATE_DEACTIVATED));
	assert_false(may(STATE_WAITING, STATE_DEACTIVATED, STATE_COMPROMISED));
	assert_true(may(STATE_WAITING, STATE_COMPROMISED, STATE_COMPROMISED));
	assert_false(may(STATE_WAITING, STATE_SUSPENDED, STATE_DEACTIVATED));
}

static void test_compromised_and_destroyed_are_final(void **state)
{
	for (int to = STATE_PRE_ACTIVE; to < STATE_COUNT; to++) {
		assert_int_equal(may(STATE_COMPROMISED, (enum state)to, STATE_NONE), to == STATE_WAITING);
		assert_false(may(STATE_DESTROYED, (enum state)to, STATE_NONE));
	}
	for (int from = STATE_PRE_ACTIVE; from < STATE_COUNT; from++)
		assert_int_equal(may((enum state)from, STATE_COMPROMISED, STATE_NONE), from != STATE_COMPROMISED &&
			from != STATE_DESTROYED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_pair_of_states_has_an_answer),
		cmocka_unit_test(test_the_usual_life),
		cmocka_unit_test(test_a_suspension_goes_back_where_it_came_from),
		cmocka_unit_test(test_a_destruction_is_taken_back),
		cmocka_unit_test(test_compromised_and_destroyed_are_final),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
