/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/policy/quota.h"

static void test_connections_of_a_user(void **state)
{
	struct quota quota;
	struct user *a, *b, *other;

	quota_init(&quota, 2, 1);
	assert_int_equal(quota_connect(&quota, 1000, &a), 0);
	assert_int_equal(quota_connect(&quota, 1000, &b), 0);
	assert_ptr_equal(a, b);
	assert_int_equal(quota_connect(&quota, 1000, &b), -EUSERS);
	assert_int_equal(quota_connect(&quota, 1000 + QUOTA_BUCKETS, &other), 0);
	assert_ptr_not_equal(a, other);
	quota_disconnect(&quota, a);
	assert_int_equal(quota_connect(&quota, 1000, &b), 0);
	quota_disconnect(&quota, a);
	quota_disconnect(&quota, a);
	quota_disconnect(&quota, other);
	quota_deinit(&quota);
}

static void test_requests_of_a_user_over_all_connections(void **state)
{
	struct quota quota;
	struct user *user;

	quota_init(&quota, 2, 2);
	assert_int_equal(quota_connect(&quota, 5, &user), 0);
	assert_int_equal(quota_request(&quota, user), 0);
	assert_int_equal(quota_request(&quota, user), 0);
	assert_int_equal(quota_request(&quota, user), -EUSERS);
	quota_answer(&quota, user);
	assert_int_equal(quota_request(&quota, user), 0);
	quota_answer(&quota, user);
	quota_answer(&quota, user);
	quota_disconnect(&quota, user);
	quota_deinit(&quota);
}

static void test_a_user_stays_while_a_request_is_open(void **state)
{
	struct quota quota;
	struct user *user, *again;

	quota_init(&quota, 1, 1);
	assert_int_equal(quota_connect(&quota, 5, &user), 0);
	assert_int_equal(quota_request(&quota, user), 0);
	quota_disconnect(&quota, user); /* the connection goes, its request goes on */
	assert_int_equal(quota_connect(&quota, 5, &again), 0);
	assert_ptr_equal(user, again);
	assert_int_equal(quota_request(&quota, again), -EUSERS);
	quota_answer(&quota, user);
	quota_disconnect(&quota, again);
	quota_deinit(&quota);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections_of_a_user),
		cmocka_unit_test(test_requests_of_a_user_over_all_connections),
		cmocka_unit_test(test_a_user_stays_while_a_request_is_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
