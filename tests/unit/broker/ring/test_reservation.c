/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/broker/ring/reservation.h"

static const uint64_t usual = UINT64_C(1) << 31;

static void test_a_block_at_a_time_up_to_the_limit(void **state)
{
	assert_int_equal(reservation_next(usual, 0), 65536);
	assert_int_equal(reservation_next(usual, 65536), 131072);
	assert_int_equal(reservation_next(usual, usual - 10), usual);
	assert_int_equal(reservation_next(usual, usual), usual);
	assert_int_equal(reservation_next(80, 0), 10); /* an eighth of a small limit */
	assert_int_equal(reservation_next(80, 75), 80);
	assert_int_equal(reservation_next(3, 0), 1); /* one at least */
}

static void test_the_next_block_before_this_one_is_used_up(void **state)
{
	struct version version = {.reserved = 65536, .taken = 32767};

	assert_false(reservation_due(usual, &version));
	version.taken = 32768;
	assert_true(reservation_due(usual, &version));
	version = (struct version){0};
	assert_true(reservation_due(usual, &version));
	version = (struct version){.reserved = usual, .taken = usual};
	assert_false(reservation_due(usual, &version)); /* there is no more */
}

static void test_a_new_version_in_time(void **state)
{
	struct version version = {.taken = usual - 2 * 65536 - 1};

	assert_false(reservation_ends(usual, &version));
	version.taken++;
	assert_true(reservation_ends(usual, &version));
	version.taken = INT64_MAX; /* all may have been made: a restored journal */
	assert_true(reservation_ends(usual, &version));
	version.reserved = INT64_MAX;
	assert_false(reservation_due(usual, &version));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_block_at_a_time_up_to_the_limit),
		cmocka_unit_test(test_the_next_block_before_this_one_is_used_up),
		cmocka_unit_test(test_a_new_version_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
