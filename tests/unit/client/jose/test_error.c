/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/jose/error.h"

static void test_codes(void **state)
{
	(void)state;
	for (int code = CEK_JWE_OK; code <= CEK_JWE_FAILED; code++) {
		assert_string_not_equal(cek_jwe_code_name(code), "UNKNOWN");
		assert_true(strlen(cek_jwe_code_text(code)) > 0);
	}
	assert_string_equal(cek_jwe_code_name(CEK_JWE_FAILED), "FAILED");
	assert_string_equal(cek_jwe_code_name(CEK_JWE_FAILED + 1), "UNKNOWN");
	assert_string_equal(cek_jwe_code_name(-1), "UNKNOWN");
	assert_non_null(cek_jwe_code_text(-1));
}

/* Cut to size, and nothing that a terminal would obey. */
static void test_details(void **state)
{
	struct cek_jwe_error error;
	char text[300];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(jwe_error(&error, CEK_JWE_POLICY, "%s", text), CEK_JWE_POLICY);
	assert_int_equal(error.code, CEK_JWE_POLICY);
	assert_int_equal(strlen(error.details), CEK_JWE_DETAILS_MAX - 1);
	jwe_error(&error, CEK_JWE_POLICY, "a\x1b[2Jb\nc\xc3\xa4");
	assert_string_equal(error.details, "a?[2Jb?c??");
	assert_int_equal(jwe_error(NULL, CEK_JWE_POLICY, "x"), CEK_JWE_POLICY);
	assert_int_equal(jwe_error_code(&error, CEK_JWE_FAILED), CEK_JWE_FAILED);
	assert_string_equal(error.details, "");
	assert_int_equal(jwe_error_code(NULL, CEK_JWE_NOMEM), CEK_JWE_NOMEM);
}

/* FAILED has no details, whatever cekd says. */
static void test_status(void **state)
{
	struct cek_jwe_error error;

	(void)state;
	assert_int_equal(jwe_error_status(&error, CEK_FAILED, "too much"), CEK_JWE_FAILED);
	assert_string_equal(error.details, "");
	assert_int_equal(jwe_error_status(&error, CEK_DENIED, "why"), CEK_JWE_DENIED);
	assert_string_equal(error.details, "why");
	assert_int_equal(jwe_error_status(&error, CEK_DENIED, ""), CEK_JWE_DENIED);
	assert_string_equal(error.details, "a status of libcek");
	assert_int_equal(jwe_error_status(&error, CEK_OK, NULL), CEK_JWE_OK);
	assert_string_equal(error.details, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
