/* SPDX-License-Identifier: Apache-2.0 */
/* How the real cekd-token starts, and does not: module, token, PIN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "misbehaving.h"

static void expect_failing(const struct rig_options *options, int class, const char *says)
{
	struct rig_worker worker;
	Cek__Internal__V1__Control *control;

	rig_start(&rig, &worker, options, &control);
	assert_null(worker.hello);
	assert_non_null(control);
	assert_int_equal(control->what_case, CEK__INTERNAL__V1__CONTROL__WHAT_FAILING);
	if ((int)control->failing->class_ != class || !strstr(control->failing->why, says))
		fail_msg("class %d: %s", control->failing->class_, control->failing->why);
	cek__internal__v1__control__free_unpacked(control, NULL);
	assert_int_not_equal(rig_stop(&worker), 0);
}

static void says_which_tokens_there_are(void **state)
{
	(void)state;
	expect_failing(&(struct rig_options){.uri = "pkcs11:token=wrong"}, FAILING(CONFIGURATION),
		rig.nss ? "NSS" : "\"cekd-test\"");
	expect_failing(&(struct rig_options){.uri = "pkcs11:token=x?pin-value=1234"}, FAILING(CONFIGURATION),
		"pin-value");
	expect_failing(&(struct rig_options){.uri = "pkcs11:tokn=x"}, FAILING(CONFIGURATION), "attribute");
	expect_failing(&(struct rig_options){.uri = "file:/x"}, FAILING(CONFIGURATION), "RFC 7512");
	expect_failing(&(struct rig_options){.module = "/nonexistent.so"}, FAILING(CONFIGURATION), "/nonexistent.so");
	assert_int_equal(shim->logins, 0);
}

static void tries_a_wrong_pin_once(void **state)
{
	(void)state;
	expect_failing(&(struct rig_options){.pin = "wrong-pin"}, FAILING(PIN), "CKR_PIN_INCORRECT");
	assert_int_equal(shim->logins, 1);
	expect_failing(&(struct rig_options){.pin = "\n"}, FAILING(PIN), "pin-file");
	assert_int_equal(shim->logins, 1);
}

static void does_not_use_up_the_last_try(void **state)
{
	struct rig_worker worker;

	(void)state;
	shim->token_flags = CKF_USER_PIN_FINAL_TRY;
	expect_failing(&(struct rig_options){0}, FAILING(PIN), "one more wrong try");
	shim->token_flags = CKF_USER_PIN_LOCKED;
	expect_failing(&(struct rig_options){0}, FAILING(PIN), "locked");
	assert_int_equal(shim->logins, 0);
	shim->token_flags = CKF_USER_PIN_COUNT_LOW;
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	assert_int_equal(shim->logins, 1);
	assert_int_equal(rig_stop(&worker), 0);
}

/* A module with threads of its own must be able to lock; one that cannot lock serves nevertheless. */
static void lets_the_module_lock(void **state)
{
	struct rig_worker worker;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	assert_int_equal(shim->init_flags, CKF_OS_LOCKING_OK);
	assert_int_equal(shim->initialized, 1);
	assert_int_equal(rig_stop(&worker), 0);
	misbehave("C_Initialize", CKR_CANT_LOCK, 1);
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	assert_int_equal(shim->init_flags, 0);
	assert_int_equal(shim->initialized, 3);
	assert_int_equal(rig_stop(&worker), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(says_which_tokens_there_are, behave),
		cmocka_unit_test_setup(tries_a_wrong_pin_once, behave),
		cmocka_unit_test_setup(does_not_use_up_the_last_try, behave),
		cmocka_unit_test_setup(lets_the_module_lock, behave),
	};

	rig_arguments(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
	return cmocka_run_group_tests(tests, misbehaving_open, misbehaving_close);
}
