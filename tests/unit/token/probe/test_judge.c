/* SPDX-License-Identifier: Apache-2.0 */
/* What an error of the token leads to, on a token of this file that does nothing but answer. */
#include "daemon/token/probe/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/token/p11/ckr.h"
#include "daemon/token/probe/canary.h"

static CK_RV find_says, initialize_says, login_says;

static CK_RV find_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG n)
{
	return find_says;
}

static CK_RV find(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR object, CK_ULONG max, CK_ULONG_PTR ret_n)
{
	*ret_n = 0;
	return CKR_OK;
}

static CK_RV find_final(CK_SESSION_HANDLE session)
{
	return CKR_OK;
}

static CK_RV finalize(void *reserved)
{
	return CKR_OK;
}

static CK_RV initialize(void *args)
{
	return initialize_says;
}

static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info)
{
	memset(info, 0, sizeof(*info));
	return CKR_OK;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG len)
{
	return login_says;
}

static CK_FUNCTION_LIST functions = {
	.C_FindObjectsInit = find_init,
	.C_FindObjects = find,
	.C_FindObjectsFinal = find_final,
	.C_Finalize = finalize,
	.C_Initialize = initialize,
	.C_GetTokenInfo = token_info,
	.C_Login = login,
};

static struct worker worker;

static int setup(void **state)
{
	(void)state;
	memset(&worker, 0, sizeof(worker));
	worker.token.session.f = &functions;
	worker.keys.finder.session = &worker.token.session;
	find_says = login_says = CKR_OK;
	initialize_says = CKR_DEVICE_ERROR;
	return canary_init(&worker);
}

static int teardown(void **state)
{
	(void)state;
	free(worker.canary);
	return 0;
}

static void assert_judged(CK_RV rv, unsigned tries, outcome_t outcome, bool again)
{
	const struct name name = {.id = (const uint8_t *)"id", .id_len = 2, .alg = alg_find("A256KW")};
	bool ret_again = !again;

	assert_int_equal(judge(&worker, rv, &name, tries, &ret_again), outcome);
	assert_int_equal(ret_again, again);
}

static void what_says_nothing_of_the_token(void **state)
{
	(void)state;
	assert_judged(CKR_OK, 0, OUTCOME(OK), false);
	assert_judged(CKR_ENCRYPTED_DATA_INVALID, 0, OUTCOME(FAILED), false);
	assert_judged(CKR_CEKD_MISSING, 0, OUTCOME(MISSING), false);
	assert_judged(CKR_CEKD_AMBIGUOUS, 0, OUTCOME(AMBIGUOUS), false);
	assert_judged(CKR_CEKD_UNTRIED, 0, OUTCOME(UNTRIED), false);
	assert_judged(CKR_MECHANISM_INVALID, 0, OUTCOME(UNSUPPORTED), false);
	assert_false(worker.ending);
}

static void a_stale_handle_helps_once(void **state)
{
	(void)state;
	assert_judged(CKR_OBJECT_HANDLE_INVALID, 0, OUTCOME(UNAVAILABLE), true);
	assert_false(worker.ending);
	assert_judged(CKR_OBJECT_HANDLE_INVALID, 1, OUTCOME(UNAVAILABLE), false);
	assert_true(worker.ending);
	assert_string_equal(worker.why, "token: CKR_OBJECT_HANDLE_INVALID");
	assert_false(worker.pin_refused);
}

static void a_wrong_pin_is_not_tried_again(void **state)
{
	(void)state;
	assert_judged(CKR_PIN_INCORRECT, 0, OUTCOME(UNAVAILABLE), false);
	assert_true(worker.ending);
	assert_true(worker.pin_refused);
}

static void a_login_that_is_lost_is_made_again(void **state)
{
	(void)state;
	assert_judged(CKR_USER_NOT_LOGGED_IN, 0, OUTCOME(UNAVAILABLE), true);
	assert_false(worker.ending);
	login_says = CKR_PIN_INCORRECT;
	assert_judged(CKR_USER_NOT_LOGGED_IN, 0, OUTCOME(UNAVAILABLE), false);
	assert_true(worker.ending);
	assert_true(worker.pin_refused);
	assert_non_null(strstr(worker.why, "CKR_PIN_INCORRECT"));
}

static void a_session_that_does_not_come_back_is_the_end(void **state)
{
	(void)state;
	assert_judged(CKR_SESSION_HANDLE_INVALID, 0, OUTCOME(UNAVAILABLE), false);
	assert_true(worker.ending);
	assert_false(worker.pin_refused);
	assert_non_null(strstr(worker.why, "CKR_DEVICE_ERROR"));
}

/* Without a key the token must only answer. */
static void a_doubtful_error_is_the_tokens_if_it_does_not_answer(void **state)
{
	bool again = true;

	(void)state;
	assert_int_equal(judge(&worker, CKR_DEVICE_ERROR, NULL, 0, &again), OUTCOME(FAILED));
	assert_false(worker.ending);
	find_says = CKR_DEVICE_ERROR;
	assert_int_equal(judge(&worker, CKR_DEVICE_ERROR, NULL, 0, &again), OUTCOME(UNAVAILABLE));
	assert_false(again);
	assert_true(worker.ending);
}

/* Without a ciphertext that could be to blame: one more try, then the job has failed and not the worker. */
static void an_error_without_a_ciphertext_is_never_failed(void **state)
{
	static const CK_RV codes[] = {CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_HOST_MEMORY};
	bool again = false;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(judge_token(&worker, codes[i], NULL, 0, &again), OUTCOME(UNAVAILABLE));
		assert_true(again);
		assert_int_equal(judge_token(&worker, codes[i], NULL, 1, &again), OUTCOME(UNAVAILABLE));
		assert_false(again);
		assert_false(worker.ending);
	}
	assert_int_equal(judge_token(&worker, CKR_PUBLIC_KEY_INVALID, NULL, 0, &again), OUTCOME(UNSUPPORTED));
	assert_int_equal(judge_token(&worker, CKR_CEKD_MISSING, NULL, 0, &again), OUTCOME(MISSING));
	find_says = CKR_DEVICE_ERROR;
	assert_int_equal(judge_token(&worker, CKR_DEVICE_ERROR, NULL, 0, &again), OUTCOME(UNAVAILABLE));
	assert_false(again);
	assert_true(worker.ending);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_says_nothing_of_the_token),
		TEST(a_stale_handle_helps_once),
		TEST(a_wrong_pin_is_not_tried_again),
		TEST(a_login_that_is_lost_is_made_again),
		TEST(a_session_that_does_not_come_back_is_the_end),
		TEST(a_doubtful_error_is_the_tokens_if_it_does_not_answer),
		TEST(an_error_without_a_ciphertext_is_never_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
