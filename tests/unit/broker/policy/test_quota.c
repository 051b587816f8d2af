/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker/policy/quota.h"

static struct user *connected(struct quota *quota, uint32_t uid, size_t listener)
{
	struct user *user = quota_user(quota, uid, listener, "main");

	assert_non_null(user);
	assert_int_equal(quota_connect(quota, user), 0);
	return user;
}

static void test_connections_of_a_user(void **state)
{
	struct quota quota;
	struct user *a, *other, *elsewhere;

	quota_init(&quota, 2, 1);
	a = connected(&quota, 1000, 0);
	assert_ptr_equal(connected(&quota, 1000, 0), a);
	assert_int_equal(quota_connect(&quota, a), -EUSERS);
	other = connected(&quota, 1000 + QUOTA_BUCKETS, 0);
	elsewhere = connected(&quota, 1000, 1);
	assert_ptr_not_equal(a, other);
	assert_ptr_not_equal(a, elsewhere);
	assert_int_equal(quota.present, 3);
	quota_disconnect(&quota, a);
	assert_int_equal(quota_connect(&quota, a), 0);
	quota_disconnect(&quota, a);
	quota_disconnect(&quota, a);
	quota_disconnect(&quota, other);
	quota_disconnect(&quota, elsewhere);
	assert_int_equal(quota.present, 0);
	quota_deinit(&quota);
}

static void test_requests_of_a_user_over_all_connections(void **state)
{
	struct quota quota;
	struct user *user;

	quota_init(&quota, 2, 2);
	user = connected(&quota, 5, 0);
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
	struct user *user;

	quota_init(&quota, 1, 1);
	user = connected(&quota, 5, 0);
	assert_int_equal(quota_request(&quota, user), 0);
	quota_disconnect(&quota, user); /* the connection goes, its request goes on */
	assert_int_equal(quota.n_gone, 0);
	assert_ptr_equal(connected(&quota, 5, 0), user);
	assert_int_equal(quota_request(&quota, user), -EUSERS);
	quota_answer(&quota, user);
	quota_disconnect(&quota, user);
	assert_int_equal(quota.n_gone, 1);
	quota_deinit(&quota);
}

/* Otherwise whoever connects anew for each request would owe nothing. */
static void test_who_connects_anew_owes_what_he_owed(void **state)
{
	struct quota quota;
	struct user *user;

	quota_init(&quota, 10, 10);
	user = connected(&quota, 5, 0);
	turns_charge(&quota.turns, &user->turn, 10 * TURNS_QUANTUM_US);
	quota_record(user, 100, 7);
	quota_disconnect(&quota, user);
	quota_look(&quota, clock_monotonic_us(), 6);
	assert_ptr_equal(connected(&quota, 5, 0), user);
	assert_int_equal(quota.n_gone, 0);
	assert_true(user->turn.credit_us < 0);
	assert_int_equal(quota_records(user, 6), 100);
	quota_disconnect(&quota, user);
	quota_look(&quota, clock_monotonic_us(), 7); /* its record has left, its time is not forgiven */
	assert_int_equal(quota.n_gone, 1);
	assert_null(turns_next(&quota.turns)); /* nobody waits */
	quota_look(&quota, clock_monotonic_us(), 7);
	assert_int_equal(quota.n_gone, 0);
	quota_deinit(&quota);
}

static void test_the_gone_are_bounded(void **state)
{
	struct quota quota;

	quota_init(&quota, 1, 1);
	for (uint32_t uid = 0; uid < 3 * QUOTA_GONE_MAX; uid++) {
		struct user *user = connected(&quota, uid, 0);

		turns_charge(&quota.turns, &user->turn, 1);
		quota_disconnect(&quota, user);
		assert_true(quota.n_gone <= QUOTA_GONE_MAX);
	}
	assert_int_equal(quota.n_gone, QUOTA_GONE_MAX);
	quota_deinit(&quota);
}

static void test_records_on_their_way(void **state)
{
	struct quota quota;
	struct user *user;

	quota_init(&quota, 1, 1);
	user = connected(&quota, 5, 0);
	quota_record(user, 100, 1);
	quota_record(user, 50, 3);
	assert_int_equal(quota_records(user, 0), 150);
	quota_record(user, 30, 9); /* younger than those that were looked at */
	assert_int_equal(quota_records(user, 2), 180);
	assert_int_equal(quota_records(user, 3), 30);
	assert_int_equal(quota_records(user, 8), 30);
	assert_int_equal(quota_records(user, 9), 0);
	quota_record(user, 1, 10);
	assert_int_equal(quota_records(user, 9), 1);
	assert_int_equal(quota_records(user, 100), 0);
	quota_disconnect(&quota, user);
	quota_deinit(&quota);
}

enum { MANY = 5000, TEXT_MAX = MANY * 40 };

/* What log_ask() lets through to standard error while function runs; lines. */
static unsigned lines_of(struct quota *quota, void (*function)(struct quota *quota), char text[TEXT_MAX])
{
	FILE *file = tmpfile();
	int before = dup(STDERR_FILENO);
	unsigned n = 0;
	ssize_t len;

	assert_non_null(file);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	log_ask(quota_may_log, quota);
	function(quota);
	log_ask(NULL, NULL);
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	close(before);
	len = pread(fileno(file), text, TEXT_MAX - 1, 0);
	assert_true(len >= 0);
	text[len] = '\0';
	fclose(file);
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

static void log_many(struct quota *quota)
{
	for (int i = 0; i < MANY; i++)
		log_info("line %d", i);
}

static void look_later(struct quota *quota)
{
	quota_look(quota, clock_monotonic_us() + 12000000, 0);
}

static void test_lines_of_a_user_are_bounded_and_counted(void **state)
{
	static char text[TEXT_MAX];
	struct quota quota;
	struct user *user, *other;
	uint64_t began = clock_monotonic_us();
	unsigned n, most;

	quota_init(&quota, 10, 10);
	user = connected(&quota, 5, 0);
	other = connected(&quota, 6, 0);
	assert_int_equal(lines_of(&quota, look_later, text), 0);
	quota.served = user;
	n = lines_of(&quota, log_many, text);
	most = QUOTA_LINES_BURST + 1 + (unsigned)((clock_monotonic_us() - began) * QUOTA_LINES / 1000000);
	assert_in_range(n, QUOTA_LINES_BURST, most);
	assert_int_equal(user->lines.untold, MANY - n);
	quota.served = other; /* has its own */
	assert_true(lines_of(&quota, log_many, text) >= QUOTA_LINES_BURST);
	other->lines.untold = 0;
	quota.served = NULL; /* the broker itself has no bound */
	assert_int_equal(lines_of(&quota, log_many, text), MANY);
	assert_int_equal(lines_of(&quota, look_later, text), 1);
	assert_non_null(strstr(text, "uid 5 at listener main"));
	assert_int_equal(user->lines.untold, 0);
	assert_int_equal(lines_of(&quota, look_later, text), 0);
	quota_disconnect(&quota, user);
	quota_disconnect(&quota, other);
	quota_deinit(&quota);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections_of_a_user),
		cmocka_unit_test(test_requests_of_a_user_over_all_connections),
		cmocka_unit_test(test_a_user_stays_while_a_request_is_open),
		cmocka_unit_test(test_who_connects_anew_owes_what_he_owed),
		cmocka_unit_test(test_the_gone_are_bounded),
		cmocka_unit_test(test_records_on_their_way),
		cmocka_unit_test(test_lines_of_a_user_are_bounded_and_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
