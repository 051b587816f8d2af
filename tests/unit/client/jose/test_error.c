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
	for (int code = CEK_JWE_OK; code <= CEK_JWT_SCOPE; code++) {
		assert_string_not_equal(cek_jwe_code_name(code), "UNKNOWN");
		assert_true(strlen(cek_jwe_code_text(code)) > 0);
	}
	assert_string_equal(cek_jwe_code_name(CEK_JWE_FAILED), "FAILED");
	assert_string_equal(cek_jwe_code_name(CEK_JWT_SCOPE + 1), "UNKNOWN");
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

/* The struct is as large as it was, and what was in it is where it was: programs that were compiled before. */
static void test_layout(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct cek_jwe_error), 196);
	assert_int_equal(offsetof(struct cek_jwe_error, details), 4);
	/* deferred stands where padding was. */
	assert_int_equal(offsetof(struct cek_jwe_policy, max_versions),
		offsetof(struct cek_jwe_policy, allow_zip) + sizeof(unsigned));
}

/* What UNAVAILABLE is made of, and what a gateway answers 503 for. */
static void test_temporary(void **state)
{
	static const struct {
		int status, code;
		bool temporary;
	} rows[] = {
		{CEK_DEADLINE, CEK_JWE_UNAVAILABLE, true},
		{CEK_INTERNAL, CEK_JWE_UNAVAILABLE, false},
		{CEK_UNAVAILABLE, CEK_JWE_UNAVAILABLE, true},
		{CEK_OVERLOADED, CEK_JWE_UNAVAILABLE, true},
		{CEK_CONFLICT, CEK_JWE_UNAVAILABLE, false},
		{CEK_E_CONNECT, CEK_JWE_UNAVAILABLE, true},
		{CEK_E_DISCONNECTED, CEK_JWE_UNAVAILABLE, true},
		{CEK_E_TIMEOUT, CEK_JWE_UNAVAILABLE, true},
		{CEK_E_CANCELLED, CEK_JWE_UNAVAILABLE, false},
		{CEK_E_PROTOCOL, CEK_JWE_UNAVAILABLE, false},
		{CEK_E_FULL, CEK_JWE_UNAVAILABLE, true},
		{4711, CEK_JWE_UNAVAILABLE, false},
		{CEK_E_NOMEM, CEK_JWE_NOMEM, true},
		{CEK_DENIED, CEK_JWE_DENIED, false},
		{CEK_UNKNOWN_KEY, CEK_JWE_NO_KEY, false},
	};
	struct cek_jwe_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&error, 0xff, sizeof(error));
		assert_int_equal(jwe_error_status(&error, rows[i].status, NULL), rows[i].code);
		assert_int_equal(error.status, rows[i].status);
		assert_int_equal(error.temporary, rows[i].temporary);
	}
	memset(&error, 0xff, sizeof(error));
	jwe_error(&error, CEK_JWE_POLICY, "x");
	assert_int_equal(error.status, CEK_OK);
	assert_false(error.temporary);
	jwe_error_code(&error, CEK_JWE_NOMEM);
	assert_true(error.temporary);
}

/* What cekd found wrong and what the tag did are the same in each byte. */
static void test_failed_is_uniform(void **state)
{
	struct cek_jwe_error by_cekd, by_tag;

	(void)state;
	memset(&by_cekd, 'a', sizeof(by_cekd));
	memset(&by_tag, 'b', sizeof(by_tag));
	jwe_error_status(&by_cekd, CEK_FAILED, "more");
	jwe_error_code(&by_tag, CEK_JWE_FAILED);
	assert_memory_equal(&by_cekd, &by_tag, sizeof(by_tag));
	assert_int_equal(by_tag.status, CEK_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_temporary),
		cmocka_unit_test(test_failed_is_uniform),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
