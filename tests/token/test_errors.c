/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of the token while the real cekd-token serves: whose fault they are, and what is left of the worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "daemon/token/hang.h"
#include "misbehaving.h"

static void gets_over_lost_sessions_logins_and_handles(void **state)
{
	static const CK_RV codes[] = {CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_OPERATION_ACTIVE,
		CKR_USER_NOT_LOGGED_IN, CKR_OBJECT_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID};
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	wrapped = wrap(&worker);
	assert_int_equal(wrapped->result->outcome, OUTCOME(OK));
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		misbehave("C_Decrypt", codes[i], 1);
		assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
	}
	rig_free(wrapped);
	assert_int_equal(rig_stop(&worker), 0);
}

static void ends_when_the_token_is_gone(void **state)
{
	static const CK_RV codes[] = {CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_SESSION_CLOSED,
		CKR_OBJECT_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_VENDOR_DEFINED | 7};

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct rig_worker worker;
		Cek__Internal__V1__FromWorker *wrapped;
		Cek__Internal__V1__Control *control;

		rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
		wrapped = wrap(&worker);
		/* Every other time before anything has been unwrapped. */
		if (i % 2 == 0)
			assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
		misbehave("C_Decrypt", codes[i], -1);
		assert_int_equal(unwrap(&worker, wrapped), OUTCOME(UNAVAILABLE));
		control = rig_control(&worker);
		assert_non_null(control);
		assert_int_equal(control->what_case, CEK__INTERNAL__V1__CONTROL__WHAT_FAILING);
		assert_int_equal(control->failing->class_, FAILING(TOKEN));
		cek__internal__v1__control__free_unpacked(control, NULL);
		assert_null(rig_receive(&worker));
		rig_free(wrapped);
		behave(NULL);
		assert_int_not_equal(rig_stop(&worker), 0);
	}
}

/* One error with a token that works otherwise is the ciphertext's fault: the canary says so. */
static void stays_when_only_the_ciphertext_is_bad(void **state)
{
	static const CK_RV codes[] = {CKR_GENERAL_ERROR, CKR_DEVICE_ERROR, CKR_FUNCTION_FAILED};
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	wrapped = wrap(&worker);
	/* Before anything has been unwrapped, and after. */
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
			misbehave("C_Decrypt", codes[i], 1);
			assert_int_equal(unwrap(&worker, wrapped), OUTCOME(FAILED));
		}
		assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
	}
	rig_free(wrapped);
	assert_int_equal(rig_stop(&worker), 0);
}

/* What the token says before it has been given a ciphertext is not about the ciphertext. */
static void says_failed_of_a_ciphertext_alone(void **state)
{
	static const char *functions[] = {"C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal",
		"C_GetAttributeValue", "C_DecryptInit"};
	static const CK_RV codes[] = {CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, CKR_HOST_MEMORY,
		CKR_VENDOR_DEFINED | 7};
	enum { FUNCTIONS = sizeof(functions) / sizeof(functions[0]), CALLS = 8 };
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped, *answer;
	int failed = 0;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	wrapped = wrap(&worker);
	for (size_t i = 0; i < FUNCTIONS; i++)
		for (int call = 0; call < CALLS; call++) {
			const CK_RV rv = codes[(i + (size_t)call) % 5];

			/* One call that fails, whichever, as the key is looked up. */
			assert_int_equal(forget(&worker, aes_id), 0);
			shim->skip = call;
			misbehave(functions[i], rv, 1);
			assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
			failed += shim->times == 0;
			assert_int_equal(forget(&worker, aes_id), 0);
			shim->skip = call;
			misbehave(functions[i], rv, 1);
			answer = wrap(&worker);
			assert_int_equal(answer->result->outcome, OUTCOME(OK));
			rig_free(answer);
			behave(NULL);
		}
	assert_true(failed > 8);
	/* As the object is looked at again. */
	for (size_t i = 0; i < 5; i++) {
		let_a_second_pass();
		misbehave("C_GetAttributeValue", codes[i], 1);
		assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
		assert_int_equal(shim->times, 0);
	}
	rig_free(wrapped);
	assert_int_equal(rig_stop(&worker), 0);
}

static uint8_t other_id[16] = "another AES key";

/* A token that says nothing of one key, and serves another: no fault of the ciphertext, no end, and no answer that
 * would let a peer throw anything away. */
static void waits_for_a_token_that_does_not_find(void **state)
{
	static const uint8_t key[16] = {6};
	static const CK_RV codes[] = {CKR_DEVICE_ERROR, CKR_GENERAL_ERROR};
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped;

	(void)state;
	rig_create_aes(&rig, other_id, key, sizeof(key));
	rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	wrapped = wrap(&worker);
	for (size_t i = 0; i < 2; i++) {
		Cek__Internal__V1__FromWorker *answer;

		let_a_second_pass();
		assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
		misbehave("C_FindObjectsInit", codes[i], -1);
		assert_int_equal(unwrap_as(&worker, other_id), OUTCOME(UNAVAILABLE));
		assert_int_equal(wrap_as(&worker, "A128KW", other_id, NULL), OUTCOME(UNAVAILABLE));
		/* Nor is the wrap itself that goes wrong. */
		behave(NULL);
		misbehave("C_EncryptInit", codes[i], 2);
		answer = wrap(&worker);
		assert_int_equal(answer->result->outcome, OUTCOME(UNAVAILABLE));
		rig_free(answer);
		behave(NULL);
	}
	assert_int_equal(unwrap_as(&worker, other_id), OUTCOME(FAILED));
	assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
	rig_free(wrapped);
	assert_int_equal(rig_stop(&worker), 0);
}

static void does_not_log_in_again_with_a_pin_that_was_refused(void **state)
{
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped;
	Cek__Internal__V1__Control *control;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	wrapped = wrap(&worker);
	shim->token_flags = CKF_USER_PIN_FINAL_TRY;
	misbehave("C_Decrypt", CKR_USER_NOT_LOGGED_IN, -1);
	assert_int_equal(unwrap(&worker, wrapped), OUTCOME(UNAVAILABLE));
	control = rig_control(&worker);
	assert_int_equal(control->failing->class_, FAILING(PIN));
	cek__internal__v1__control__free_unpacked(control, NULL);
	assert_int_equal(shim->logins, 1);
	rig_free(wrapped);
	assert_int_not_equal(rig_stop(&worker), 0);
}

static void dies_of_a_call_that_hangs(void **state)
{
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped;
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__UnwrapJob op;
	int status;

	(void)state;
	/* Its setup, with an RSA key pair, has four times as long, and shall not die of it on a loaded machine. */
	rig_start(&rig, &worker, &(struct rig_options){.call_seconds = 5}, NULL);
	wrapped = wrap(&worker);
	misbehave("C_Decrypt", CKR_OK, -1);
	shim->hangs = 1;
	op = unwrap_job(wrapped);
	job.op_case = CEK__INTERNAL__V1__JOB__OP_UNWRAP;
	job.unwrap = &op;
	rig_send(&worker, &job);
	assert_null(rig_receive(&worker));
	rig_free(wrapped);
	status = rig_stop(&worker);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), HANG_EXIT);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(gets_over_lost_sessions_logins_and_handles, behave),
		cmocka_unit_test_setup(ends_when_the_token_is_gone, behave),
		cmocka_unit_test_setup(stays_when_only_the_ciphertext_is_bad, behave),
		cmocka_unit_test_setup(says_failed_of_a_ciphertext_alone, behave),
		cmocka_unit_test_setup(waits_for_a_token_that_does_not_find, behave),
		cmocka_unit_test_setup(does_not_log_in_again_with_a_pin_that_was_refused, behave),
		cmocka_unit_test_setup(dies_of_a_call_that_hangs, behave),
	};

	rig_arguments(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
	return cmocka_run_group_tests(tests, misbehaving_open, misbehaving_close);
}
