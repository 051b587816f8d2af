/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/ring/retire.h"
#include "tests/unit/broker/ring/scheduled_key.h"

enum { SKEW = 60, OVERLAP = 3600 + 600 + SKEW, LIFE = 600 + SKEW };

static const char *why;

static uint64_t at(uint64_t now)
{
	static struct retirement retirement;

	retire_at(&one, SKEW, now, &retirement);
	why = retirement.why;
	return retirement.time;
}

static void deactivate(uint64_t time)
{
	key.active = NULL;
	one.state = STATE_DEACTIVATED;
	one.deactivated = time;
}

static void test_an_active_version(void **state)
{
	reset();
	assert_int_equal(retire_overlap(&key, SKEW), OVERLAP);
	assert_int_equal(at(110 * DAY * US), (130 * DAY + OVERLAP) * US);
	assert_non_null(strstr(why, "to be deactivated 1970-05-11T00:00:00Z + JWKS max-age 1 hour"));
	/* The successor is published late, or not yet: it becomes active later. */
	assert_int_equal(at(150 * DAY * US), (152 * DAY + OVERLAP) * US);
	two.created = 131 * DAY * US;
	key.n_versions = 2;
	assert_int_equal(at(132 * DAY * US), (133 * DAY + OVERLAP) * US);
	key.period = 0;
	assert_int_equal(at(110 * DAY * US), 0);
	assert_non_null(strstr(why, "no rotation is scheduled"));
}

static void test_the_later_of_deactivation_and_use(void **state)
{
	reset();
	deactivate(200 * DAY * US);
	assert_int_equal(at(200 * DAY * US), (200 * DAY + OVERLAP) * US);
	assert_string_equal(why,
		"deactivated 1970-07-20T00:00:00Z + JWKS max-age 1 hour + token lifetime 10 minutes + "
		"clock skew 1 minute");
	/* A token that was used may come again as long as it lives, and here that is over before. */
	one.last_used = (200 * DAY + OVERLAP - LIFE) * US;
	assert_int_equal(at(200 * DAY * US), (200 * DAY + OVERLAP) * US);
	assert_null(strstr(why, "last use"));
	one.last_used++;
	assert_int_equal(at(200 * DAY * US), (200 * DAY + OVERLAP) * US + 1);
	assert_string_equal(why, "last use 1970-07-20T01:00:00Z + token lifetime 10 minutes + clock skew 1 minute");
	key.overlap = 10;
	assert_int_equal(at(200 * DAY * US), one.last_used + LIFE * US);
	key.token_lifetime = 0;
	assert_int_equal(at(200 * DAY * US), one.last_used + 10 * US);
	assert_non_null(strstr(why, "last use 1970-07-20T01:00:00Z + overlap 10 seconds"));
}

/* An issuer that knew of the deactivation when its JWKS was too old cannot have made a token that comes so late. */
static void test_an_issuer_that_still_encrypts(void **state)
{
	struct usage usage = {.listener = "main", .uid = 33};

	reset();
	deactivate(200 * DAY * US);
	one.peers = &usage;
	one.n_peers = 1;
	one.last_used = usage.last_used = (200 * DAY + OVERLAP) * US;
	at(201 * DAY * US);
	assert_null(strstr(why, "issuer"));
	one.last_used = ++usage.last_used;
	at(201 * DAY * US);
	assert_non_null(strstr(why,
		"; an issuer still encrypts for it: last token of it at 1970-07-20T01:11:00Z, by peer main/33"));
	/* Who only waits longer does not know issuers better; without a lifetime the overlap is all there is. */
	key.overlap = 2 * OVERLAP;
	at(201 * DAY * US);
	assert_non_null(strstr(why, "issuer"));
	key.token_lifetime = 0;
	at(201 * DAY * US);
	assert_null(strstr(why, "issuer"));
}

/* Without a token lifetime and an overlap nobody knows; an overlap alone, or a lifetime alone, is enough. */
static void test_not_known(void **state)
{
	reset();
	key.token_lifetime = 0;
	deactivate(200 * US);
	assert_false(retire_known(&key));
	assert_int_equal(at(300 * US), 0);
	assert_non_null(strstr(why, "not known without a token lifetime"));
	key.overlap = 10;
	assert_true(retire_known(&key));
	assert_int_equal(at(300 * US), 210 * US);
	key.overlap = 0;
	key.token_lifetime = 1;
	key.jwks_max_age = 0;
	assert_int_equal(at(300 * US), 261 * US);
	reset();
	key.token_lifetime = 0;
	assert_int_equal(at(300 * US), 0);
}

/* Never deactivated: only who used it can come again. */
static void test_nothing_to_say(void **state)
{
	reset();
	key.active = NULL;
	one.state = STATE_SUSPENDED;
	assert_int_equal(at(200 * DAY * US), 0);
	assert_string_equal(why, "");
	one.last_used = 150 * DAY * US;
	assert_int_equal(at(200 * DAY * US), (150 * DAY + LIFE) * US);
	one.state = STATE_DESTROYED;
	assert_int_equal(at(200 * DAY * US), 0);
	assert_string_equal(why, "");
}

static void test_early(void **state)
{
	const uint64_t end = (200 * DAY + OVERLAP) * US;

	reset();
	deactivate(200 * DAY * US);
	assert_true(retire_early(&one, SKEW, end - 1));
	assert_false(retire_early(&one, SKEW, end));
	assert_false(retire_in_use(&one, SKEW, end - 1));
	one.last_used = end - LIFE * US;
	assert_true(retire_in_use(&one, SKEW, end - 1));
	assert_false(retire_in_use(&one, SKEW, end));
	key.token_lifetime = 0;
	assert_true(retire_early(&one, SKEW, end * 2));
	assert_true(retire_in_use(&one, SKEW, end * 2));
	one.last_used = 0;
	assert_false(retire_early(&one, SKEW, end));
	assert_false(retire_in_use(&one, SKEW, end));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_active_version),
		cmocka_unit_test(test_the_later_of_deactivation_and_use),
		cmocka_unit_test(test_an_issuer_that_still_encrypts),
		cmocka_unit_test(test_not_known),
		cmocka_unit_test(test_nothing_to_say),
		cmocka_unit_test(test_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
