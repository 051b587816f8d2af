/* SPDX-License-Identifier: Apache-2.0 */
/* How long a JWK Set may be kept: by the JWKS max-age, and by what becomes active that is not in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/broker/ring/max_age.h"

#define US UINT64_C(1000000)

enum { START = 1000000, PERIOD = 86400, LEAD = 7200, MAX_AGE = 3600, UNKNOWN = -1 };

static struct version one, two;
static struct version *versions[] = {&one, &two};
static struct key key;

static void reset(void)
{
	key = (struct key){.alg = alg_find("RSA-OAEP-256"),
		.versions = versions,
		.n_versions = 1,
		.active = &one,
		.period = PERIOD,
		.lead = LEAD,
		.jwks_max_age = MAX_AGE};
	one = (struct version){.key = &key, .state = STATE_ACTIVE, .created = START * US, .activated = START * US};
	two = (struct version){.key = &key, .state = STATE_PRE_ACTIVE};
}

/* after: seconds since the activation. */
static int64_t age(int64_t after)
{
	uint32_t seconds;

	return max_age_of(&key, (uint64_t)(START + after) * US, &seconds) ? (int64_t)seconds : UNKNOWN;
}

static void test_what_issuers_may(void **state)
{
	reset();
	assert_int_equal(age(0), MAX_AGE);
	key.period = 0;
	assert_int_equal(age(10 * PERIOD), MAX_AGE);
	key.jwks_max_age = 0;
	assert_int_equal(age(0), UNKNOWN);
	key.jwks_max_age = MAX_AGE;
	key.alg = alg_find("A256KW");
	assert_int_equal(age(0), UNKNOWN);
}

/* A lead that is not shorter than the max-age never shortens it, neither before nor after the publication. */
static void test_a_lead_that_is_long_enough(void **state)
{
	reset();
	assert_int_equal(age(PERIOD - LEAD - 1), MAX_AGE);
	two.created = (START + PERIOD - LEAD) * US;
	key.n_versions = 2;
	assert_int_equal(age(PERIOD - LEAD), MAX_AGE);
	assert_int_equal(age(PERIOD - 1), MAX_AGE);
}

/* Without, the set ends with the activation of what it does not hold; a step that is due already happens now. */
static void test_a_lead_that_is_too_short(void **state)
{
	reset();
	key.lead = 60;
	assert_int_equal(age(PERIOD - MAX_AGE), MAX_AGE);
	assert_int_equal(age(PERIOD - MAX_AGE + 1), MAX_AGE - 1);
	assert_int_equal(age(PERIOD - 61), 61);
	key.lead = 0;
	assert_int_equal(age(PERIOD - 1), 1);
	assert_int_equal(age(PERIOD), 0);
	assert_int_equal(age(10 * PERIOD), 0);
}

/* The version behind the published one counts, if the period is that short. */
static void test_the_one_after(void **state)
{
	reset();
	key.period = 1800;
	key.lead = 900;
	two.created = (START + 900) * US;
	key.n_versions = 2;
	assert_int_equal(age(900), 2700);
	assert_int_equal(age(1800), 1800);
}

static void test_a_suspension_that_ends(void **state)
{
	reset();
	key.period = 0;
	key.active = NULL;
	one.state = STATE_SUSPENDED;
	one.before = STATE_ACTIVE;
	assert_int_equal(age(100), MAX_AGE);
	one.until = (START + 400) * US;
	assert_int_equal(age(100), 300);
	assert_int_equal(age(500), 0);
	key.active = &two; /* it comes back deactivated: not into the set */
	assert_int_equal(age(100), MAX_AGE);
	one.before = STATE_PRE_ACTIVE;
	assert_int_equal(age(100), 300);
	one.before = STATE_DEACTIVATED;
	assert_int_equal(age(100), MAX_AGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_issuers_may),
		cmocka_unit_test(test_a_lead_that_is_long_enough),
		cmocka_unit_test(test_a_lead_that_is_too_short),
		cmocka_unit_test(test_the_one_after),
		cmocka_unit_test(test_a_suspension_that_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
