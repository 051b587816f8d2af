/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/ring/plan.h"
#include "daemon/broker/ring/retire.h"
#include "tests/unit/broker/ring/scheduled_key.h"

static void test_the_plan_is_in_order(void **state)
{
	struct planned plan[PLAN_MAX];
	size_t n, more;

	reset();
	for (int rotate = 0; rotate < 2; rotate++) {
		n = plan_of(&key, 110 * DAY * US, 60, rotate, plan, &more);
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
	assert_non_null(strstr(plan[1].why, "JWKS max-age 1 hour + token lifetime 10 minutes + clock skew 1 minute"));
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
		n = plan_of(&key, 100 * DAY * US, 60, rotate, plan, &more);
		activations = 0;
		for (size_t i = 0; i < n; i++)
			activations += strcmp(plan[i].what, "activate") == 0;
		assert_int_equal(activations, rotate ? 3 : 2);
		assert_int_equal(more, OLD - (PLAN_MAX - PLAN_ROTATIONS));
		assert_true(n <= PLAN_MAX);
		assert_int_equal(n, PLAN_MAX - PLAN_ROTATIONS + (rotate ? 8 : 6));
	}
}

/* What was used after its deactivation is needed longer; the row says by whom and from what. */
static void test_the_plan_and_the_version_say_the_same(void **state)
{
	struct retirement retirement;
	struct planned plan[PLAN_MAX];
	char expected[PLAN_WHY_MAX];
	size_t n, more, found = 0;

	reset();
	key.n_versions = 2;
	two.state = STATE_DEACTIVATED;
	two.deactivated = 100 * DAY * US;
	two.last_used = 109 * DAY * US;
	n = plan_of(&key, 109 * DAY * US, 60, false, plan, &more);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(plan[i].what, "retire") != 0 || !plan[i].version)
			continue;
		retire_at(plan[i].version, 60, 109 * DAY * US, &retirement);
		assert_int_equal(plan[i].time, retirement.time);
		snprintf(expected, sizeof(expected), "earliest safe retirement: %s", retirement.why);
		assert_string_equal(plan[i].why, expected);
		found++;
	}
	assert_int_equal(found, 2);
}

/* Nobody knows when: the rows of versions that will be replaced say so, and come last. */
static void test_a_plan_without_a_token_lifetime(void **state)
{
	struct planned plan[PLAN_MAX];
	size_t n, more;

	reset();
	key.token_lifetime = 0;
	n = plan_of(&key, 110 * DAY * US, 60, true, plan, &more);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_plan_is_in_order),
		cmocka_unit_test(test_a_plan_with_many_old_versions),
		cmocka_unit_test(test_the_plan_and_the_version_say_the_same),
		cmocka_unit_test(test_a_plan_without_a_token_lifetime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
