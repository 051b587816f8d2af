/* SPDX-License-Identifier: Apache-2.0 */
/* What a schedule says of issuers, and which tokens without kid a rotation loses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/ring/issuers.h"

enum { VERSIONS = 4 };

static struct version version[VERSIONS];
static struct version *versions[VERSIONS];
static struct key key;

static void reset(void)
{
	key = (struct key){.name = (char *)(uintptr_t) "k", .alg = alg_find("RSA-OAEP"), .versions = versions};
	key.n_versions = VERSIONS;
	for (uint32_t i = 0; i < VERSIONS; i++) {
		version[i] = (struct version){.key = &key, .number = i + 1, .state = STATE_DEACTIVATED};
		versions[i] = &version[i];
	}
	version[1].state = STATE_ACTIVE;
	key.active = &version[1];
}

static void test_in_time(void **state)
{
	assert_true(issuers_know_in_time(0, 0, 3600));
	assert_true(issuers_know_in_time(86400, 3600, 3600));
	assert_false(issuers_know_in_time(86400, 3599, 3600));
	assert_false(issuers_know_in_time(3599, 86400, 3600));
	assert_true(issuers_know_in_time(86400, 0, 0));
}

/* The order is active (2), then 4, 3, 1. */
static void test_untried(void **state)
{
	reset();
	assert_null(issuers_untried(&key, 4));
	assert_ptr_equal(issuers_untried(&key, 3), &version[0]);
	assert_ptr_equal(issuers_untried(&key, 2), &version[2]);
	version[3].state = STATE_SUSPENDED; /* which is tried by nobody */
	assert_null(issuers_untried(&key, 3));
	key.active = NULL;
	version[1].state = STATE_COMPROMISED;
	assert_ptr_equal(issuers_untried(&key, 1), &version[0]);
}

static void test_go_on(void **state)
{
	char text[ISSUERS_MAX];

	reset();
	key.jwks_max_age = 300;
	assert_true(issuers_go_on(&version[1], text));
	assert_string_equal(text, "issuers go on encrypting for version 2 for 5 minutes (JWKS max-age)");
	key.jwks_max_age = 0;
	assert_true(issuers_go_on(&version[1], text));
	assert_non_null(strstr(text, "nobody said how long"));
	assert_false(issuers_go_on(&version[0], text));
	key.alg = alg_find("A256KW");
	assert_false(issuers_go_on(&version[1], text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_time),
		cmocka_unit_test(test_untried),
		cmocka_unit_test(test_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
