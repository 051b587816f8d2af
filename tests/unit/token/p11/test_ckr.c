/* SPDX-License-Identifier: Apache-2.0 */
/* The classes of docs/facts.md, "Errors of a token". */
#include "daemon/token/p11/ckr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void classes(void **state)
{
	static const struct {
		CK_RV rv;
		enum ckr_class class;
	} rows[] = {
		{CKR_OK, CKR_CLASS_OK},
		{CKR_SESSION_HANDLE_INVALID, CKR_CLASS_SESSION},
		{CKR_OPERATION_ACTIVE, CKR_CLASS_SESSION},
		{CKR_USER_NOT_LOGGED_IN, CKR_CLASS_LOGIN},
		{CKR_PIN_INCORRECT, CKR_CLASS_PIN},
		{CKR_PIN_LOCKED, CKR_CLASS_PIN},
		{CKR_PIN_EXPIRED, CKR_CLASS_PIN},
		{CKR_OBJECT_HANDLE_INVALID, CKR_CLASS_HANDLE},
		{CKR_UNWRAPPING_KEY_HANDLE_INVALID, CKR_CLASS_HANDLE},
		{CKR_DEVICE_ERROR, CKR_CLASS_HARD},
		{CKR_TOKEN_NOT_PRESENT, CKR_CLASS_HARD},
		{CKR_CRYPTOKI_NOT_INITIALIZED, CKR_CLASS_HARD},
		{CKR_GENERAL_ERROR, CKR_CLASS_AMBIGUOUS},
		{CKR_FUNCTION_FAILED, CKR_CLASS_AMBIGUOUS},
		{CKR_VENDOR_DEFINED | 42, CKR_CLASS_AMBIGUOUS},
		{CKR_WRAPPED_KEY_LEN_RANGE, CKR_CLASS_DATA},
		{CKR_ENCRYPTED_DATA_INVALID, CKR_CLASS_DATA},
		{CKR_MECHANISM_INVALID, CKR_CLASS_UNSUPPORTED},
		{CKR_CEKD_MISSING, CKR_CLASS_MISSING},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(ckr_class(rows[i].rv), rows[i].class);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(ckr_name(CKR_DEVICE_ERROR), "CKR_DEVICE_ERROR");
	assert_string_equal(ckr_name(CKR_VENDOR_DEFINED | 0x2a), "CKR 0x8000002a");
	assert_string_equal(ckr_says(CKR_DEVICE_ERROR), "the token says CKR_DEVICE_ERROR");
	/* Codes of our own are nothing that an operator could look up. */
	for (CK_RV rv = CKR_CEKD_MISSING; rv <= CKR_CEKD_UNTRIED; rv++)
		assert_null(strstr(ckr_says(rv), "CK"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
