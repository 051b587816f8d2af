/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/clock.h"
#include "daemon/parent/family.h"

enum {
	SLOTS = 3,
	PID = 1000000, /* of nobody */
	N_CHILDREN = 3 + 2 * SLOTS,
};

static struct family family;
static unsigned changes;

static void on_changed(void *owner)
{
	assert_ptr_equal(owner, &changes);
	changes++;
}

static int set_up(void **state)
{
	(void)state;
	changes = 0;
	return family_init(&family, event_base_new(), SLOTS, on_changed, &changes);
}

static int tear_down(void **state)
{
	struct event_base *base = family.base;

	(void)state;
	family_deinit(&family);
	event_base_free(base);
	return 0;
}

static void count(struct family *of, struct child *child, void *data)
{
	unsigned *n = data;

	assert_ptr_equal(of, &family);
	assert_int_not_equal(child->pid, 0);
	(*n)++;
}

static void test_only_those_that_run(void **state)
{
	struct child *const children[N_CHILDREN] = {
		&family.journal,
		&family.broker,
		&family.manage,
		&family.slots[0].child[0],
		&family.slots[0].child[1],
		&family.slots[1].child[0],
		&family.slots[1].child[1],
		&family.slots[2].child[0],
		&family.slots[2].child[1],
	};

	(void)state;
	for (unsigned i = 0; i < N_CHILDREN; i++) {
		unsigned n = 0;

		assert_null(family_find(&family, PID + (pid_t)i));
		child_started(children[i], PID + (pid_t)i, -1);
		assert_ptr_equal(family_find(&family, PID + (pid_t)i), children[i]);
		family_each(&family, count, &n);
		assert_int_equal(n, i + 1);
	}
	assert_string_equal(family.slots[2].child[1].name, "worker 2");
	assert_true(family.manage.manage);
}

/* Seconds until the timer, rounded up; 0: it is not set. */
static long waits(void)
{
	struct timeval when, now;

	if (!evtimer_pending(family.timer, &when))
		return 0;
	assert_int_equal(event_base_gettimeofday_cached(family.base, &now), 0);
	return when.tv_sec - now.tv_sec + (when.tv_usec > now.tv_usec);
}

static void test_the_earliest_wakes(void **state)
{
	const uint64_t now = clock_monotonic_us();

	(void)state;
	assert_int_equal(waits(), 0);
	family_wake(&family, now + 1000 * UINT64_C(1000000), now);
	assert_in_range(waits(), 999, 1000);
	family_wake(&family, now + 100 * UINT64_C(1000000), now);
	assert_in_range(waits(), 99, 100);
	family_wake(&family, now + 500 * UINT64_C(1000000), now);
	assert_in_range(waits(), 99, 100);
	assert_int_equal(changes, 0);
}

static void test_what_is_due_already(void **state)
{
	const uint64_t now = clock_monotonic_us();

	(void)state;
	family_wake(&family, now - 1, now);
	assert_int_equal(event_base_dispatch(family.base), 1); /* nothing is left to wait for */
	assert_int_equal(changes, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_only_those_that_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_earliest_wakes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_due_already, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
