/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/parent/children.h"

/* Statuses as waitpid(2) gives them. */
static int exited(int code)
{
	return code << 8;
}

static void run_and_end(struct child *child, bool ready, int status)
{
	child_started(child, 999999, -1);
	if (ready)
		child_ready(child);
	child_ended(child, status);
	assert_int_equal(child->pid, 0);
	assert_false(child->ready);
}

/* How long it waits, rounded down to what back-off asks for. */
static unsigned waits_ms(const struct child *child)
{
	const uint64_t now = clock_monotonic_us();

	return child->not_before_us > now ? (unsigned)((child->not_before_us - now + 999) / 1000) : 0;
}

static void test_back_off_of_what_never_gets_ready(void **state)
{
	static const unsigned expected[] = {50, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
	struct child child;

	(void)state;
	child_init(&child, CHILD_WORKER, false, 0);
	assert_true(child_due(&child, clock_monotonic_us()));
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		const uint64_t before = clock_monotonic_us();

		run_and_end(&child, false, exited(1));
		assert_in_range(child.not_before_us, before + expected[i] * 1000,
			clock_monotonic_us() + (uint64_t)expected[i] * 1000);
		assert_false(child_due(&child, child.not_before_us - 1));
		assert_true(child_due(&child, child.not_before_us));
	}
}

static void test_first_death_is_mended_at_once(void **state)
{
	struct child child;

	(void)state;
	child_init(&child, CHILD_JOURNAL, false, 0);
	run_and_end(&child, true, SIGKILL);
	assert_int_equal(waits_ms(&child), 0);
	run_and_end(&child, true, SIGKILL);
	assert_true(child.delay_ms == 100);
	assert_true(child.not_before_us > 0);
}

static void test_health_forgives(void **state)
{
	struct child child;

	(void)state;
	child_init(&child, CHILD_BROKER, false, 0);
	for (int i = 0; i < 5; i++)
		run_and_end(&child, false, exited(1));
	child_started(&child, 999999, -1);
	child_ready(&child);
	child.ready_us -= 11000000; /* ready for more than ten seconds */
	child_ended(&child, SIGSEGV);
	assert_int_equal(waits_ms(&child), 0);
}

/* A worker whose broker is gone ends with 0 and is started again without a wait; a broker that does so is a fault. */
static void test_end_in_order(void **state)
{
	struct child worker, broker;

	(void)state;
	child_init(&worker, CHILD_WORKER, false, 1);
	for (int i = 0; i < 3; i++) {
		run_and_end(&worker, true, exited(0));
		assert_int_equal(waits_ms(&worker), 0);
	}
	assert_int_equal(worker.delay_ms, 0);
	child_init(&broker, CHILD_BROKER, false, 0);
	run_and_end(&broker, true, exited(0));
	assert_int_equal(broker.delay_ms, 50);
}

static void test_why(void **state)
{
	struct child child;

	(void)state;
	child_init(&child, CHILD_WORKER, true, 0);
	assert_string_equal(child.name, "manage worker");
	run_and_end(&child, false, exited(3));
	assert_string_equal(child.why, "ended with status 3");
	run_and_end(&child, true, SIGALRM);
	assert_string_equal(child.why, "ended: the token did not answer in time");
	run_and_end(&child, true, SIGSYS);
	assert_non_null(strstr(child.why, "sandbox"));
	run_and_end(&child, true, SIGKILL);
	assert_non_null(strstr(child.why, "signal 9"));
	/* What it said itself counts more. */
	child_started(&child, 999999, -1);
	strcpy(child.why, "wrong PIN");
	child_ended(&child, exited(1));
	assert_string_equal(child.why, "wrong PIN");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_back_off_of_what_never_gets_ready),
		cmocka_unit_test(test_first_death_is_mended_at_once),
		cmocka_unit_test(test_health_forgives),
		cmocka_unit_test(test_end_in_order),
		cmocka_unit_test(test_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
