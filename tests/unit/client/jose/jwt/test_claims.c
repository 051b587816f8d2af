/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/client/jose/jwt/make_jwt.h"
#include "tests/unit/client/jose/jwt/verdict.h"

/* One claim beside a good exp, or exp itself. */
static void with(const struct cek_jwt_policy *policy, const char *claim, const char *value, int code,
	const char *details)
{
	char payload[512];

	(void)snprintf(payload, sizeof(payload), "{%s\"%s\":%s}", strcmp(claim, "exp") ? "\"exp\":1700000600," : "",
		claim, value);
	expect_claims(policy, payload, code, details);
}

/* "On or after" exp it has expired; nbf is the first second. */
static void test_edges(void **state)
{
	static const struct cek_jwt_policy exact = {POLICY}, lax = {POLICY, .leeway = 60};

	(void)state;
	with(&exact, "exp", "1700000001", CEK_JWE_OK, "");
	with(&exact, "exp", "1700000000", CEK_JWT_CLAIM, "exp: the token has expired");
	with(&lax, "exp", "1699999941", CEK_JWE_OK, "");
	with(&lax, "exp", "1699999940", CEK_JWT_CLAIM, "exp: the token has expired");
	with(&exact, "nbf", "1700000000", CEK_JWE_OK, "");
	with(&exact, "nbf", "1700000001", CEK_JWT_CLAIM, "nbf: in the future");
	with(&lax, "nbf", "1700000060", CEK_JWE_OK, "");
	with(&lax, "nbf", "1700000061", CEK_JWT_CLAIM, "nbf: in the future");
	with(&exact, "iat", "1700000000", CEK_JWE_OK, "");
	with(&exact, "iat", "1700000001", CEK_JWT_CLAIM, "iat: in the future");
	with(&lax, "iat", "1700000060", CEK_JWE_OK, "");
	with(&lax, "iat", "1700000061", CEK_JWT_CLAIM, "iat: in the future");
}

/* Fractions (RFC 7519 section 2, NumericDate) never make a token live longer. */
static void test_fractions(void **state)
{
	static const struct cek_jwt_policy policy = {POLICY};

	(void)state;
	with(&policy, "exp", "1700000001.5", CEK_JWE_OK, "");
	with(&policy, "exp", "1700000000.5", CEK_JWT_CLAIM, "exp: the token has expired");
	with(&policy, "exp", "1.7000006e9", CEK_JWE_OK, "");
	with(&policy, "nbf", "1700000000.0", CEK_JWE_OK, "");
	with(&policy, "nbf", "1700000000.5", CEK_JWT_CLAIM, "nbf: in the future");
	with(&policy, "nbf", "1699999999.5", CEK_JWE_OK, "");
	with(&policy, "iat", "1700000000.001", CEK_JWT_CLAIM, "iat: in the future");
}

static void test_times_that_are_none(void **state)
{
	static const struct cek_jwt_policy policy = {POLICY}, without = {POLICY, .no_exp = true};
	static const char *const others[] = {"\"1700000600\"", "true", "null", "[1700000600]", "{}", "\"\""};
	static const char *const outside[] = {"-1", "-0.5", "-1e300", "253402300800", "1700000600000",
		"9007199254740993", "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e300",
		"253402300799.5"};
	static const char *const claims[] = {"exp", "nbf", "iat"};
	char details[64];

	(void)state;
	for (size_t c = 0; c < 3; c++) {
		(void)snprintf(details, sizeof(details), "%s: not a number", claims[c]);
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			with(&without, claims[c], others[i], CEK_JWT_CLAIM, details);
		(void)snprintf(details, sizeof(details), "%s: not within 1970 and 9999", claims[c]);
		for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
			with(&without, claims[c], outside[i], CEK_JWT_CLAIM, details);
		with(&without, claims[c], "1e400", CEK_JWE_MALFORMED, "payload: a number that no double holds");
		with(&without, claims[c], "-1e400", CEK_JWE_MALFORMED, "payload: a number that no double holds");
	}
	with(&policy, "exp", "253402300799", CEK_JWE_OK, "");
	with(&policy, "nbf", "0", CEK_JWE_OK, "");
	with(&policy, "nbf", "-0", CEK_JWE_OK, "");
	with(&policy, "nbf", "1e-400", CEK_JWE_OK, "");
}

/* A number beyond all bounds in one claim changes nothing in another. */
static void test_numbers_stand_alone(void **state)
{
	static const struct cek_jwt_policy policy = {POLICY};

	(void)state;
	expect_claims(&policy, "{\"x\":123456789012345678901234567890,\"nbf\":1700000001,\"exp\":1700000600}",
		CEK_JWT_CLAIM, "nbf: in the future");
	expect_claims(&policy, "{\"x\":123456789012345678901234567890,\"exp\":1700000600}", CEK_JWE_OK, "");
}

static void test_exp_is_mandatory(void **state)
{
	static const struct cek_jwt_policy policy = {POLICY}, without = {POLICY, .no_exp = true};

	(void)state;
	expect_claims(&policy, "{}", CEK_JWT_CLAIM, "exp: missing");
	expect_claims(&policy, "{\"Exp\":1700000600}", CEK_JWT_CLAIM, "exp: missing");
	expect_claims(&without, "{}", CEK_JWE_OK, "");
	expect_claims(&without, "{\"exp\":1700000000}", CEK_JWT_CLAIM, "exp: the token has expired");
}

static void test_issuer(void **state)
{
	static const char *const issuers[] = {"https://a.example", "https://b.example/", NULL};
	static const char *const none[] = {NULL};
	static const struct cek_jwt_policy policy = {POLICY, .issuers = issuers}, any = {POLICY},
					   nobody = {POLICY, .issuers = none};

	(void)state;
	with(&policy, "iss", "\"https://a.example\"", CEK_JWE_OK, "");
	with(&policy, "iss", "\"https://b.example/\"", CEK_JWE_OK, "");
	with(&policy, "iss", "\"https:\\/\\/\\u0061.example\"", CEK_JWE_OK,
		""); /* the same string, otherwise written */
	with(&policy, "iss", "\"https://a.example/\"", CEK_JWT_CLAIM, "iss: not one");
	with(&policy, "iss", "\"https://A.example\"", CEK_JWT_CLAIM, "iss: not one");
	with(&policy, "iss", "\"https://a.exampl\"", CEK_JWT_CLAIM, "iss: not one");
	with(&policy, "iss", "\"\"", CEK_JWT_CLAIM, "iss: not one");
	with(&policy, "iss", "[\"https://a.example\"]", CEK_JWT_CLAIM, "iss: not a string");
	with(&policy, "iss", "null", CEK_JWT_CLAIM, "iss: not a string");
	with(&policy, "iss", "1", CEK_JWT_CLAIM, "iss: not a string");
	with(&policy, "issuer", "\"https://a.example\"", CEK_JWT_CLAIM, "iss: missing");
	with(&any, "iss", "7", CEK_JWE_OK, "");
	with(&nobody, "iss", "\"https://a.example\"", CEK_JWT_CLAIM, "iss: not one");
}

static void test_audience(void **state)
{
	static const char *const audiences[] = {"api", "https://api.example", NULL};
	static const char *const none[] = {NULL};
	static const struct cek_jwt_policy policy = {POLICY, .audiences = audiences}, any = {POLICY},
					   nobody = {POLICY, .audiences = none};

	(void)state;
	with(&policy, "aud", "\"api\"", CEK_JWE_OK, "");
	with(&policy, "aud", "[\"other\",\"https://api.example\"]", CEK_JWE_OK, "");
	with(&policy, "aud", "\"other api\"", CEK_JWT_CLAIM, "aud: none");
	with(&policy, "aud", "\"API\"", CEK_JWT_CLAIM, "aud: none");
	with(&policy, "aud", "[]", CEK_JWT_CLAIM, "aud: none");
	with(&policy, "aud", "[\"other\"]", CEK_JWT_CLAIM, "aud: none");
	with(&policy, "aud", "[\"api\",7]", CEK_JWT_CLAIM, "aud: none");
	with(&policy, "aud", "[7,\"api\"]", CEK_JWT_CLAIM, "aud: none");
	with(&policy, "aud", "[[\"api\"]]", CEK_JWT_CLAIM, "aud: none");
	with(&policy, "aud", "{\"api\":true}", CEK_JWT_CLAIM, "aud: none");
	with(&policy, "aud", "null", CEK_JWT_CLAIM, "aud: none");
	with(&policy, "sub", "\"api\"", CEK_JWT_CLAIM, "aud: missing");
	with(&any, "aud", "\"whoever\"", CEK_JWE_OK, "");
	with(&nobody, "aud", "\"api\"", CEK_JWT_CLAIM, "aud: none");
}

static void test_required(void **state)
{
	static const char *const required[] = {"sub", "jti", NULL};
	static const struct cek_jwt_policy policy = {POLICY, .required = required};

	(void)state;
	expect_claims(&policy, "{\"exp\":1700000600,\"sub\":\"a\",\"jti\":0}", CEK_JWE_OK, "");
	expect_claims(&policy, "{\"exp\":1700000600,\"sub\":\"\",\"jti\":false}", CEK_JWE_OK, "");
	expect_claims(&policy, "{\"exp\":1700000600,\"sub\":\"a\"}", CEK_JWT_CLAIM, "jti: missing");
	expect_claims(&policy, "{\"exp\":1700000600,\"sub\":null,\"jti\":\"b\"}", CEK_JWT_CLAIM, "sub: null");
	expect_claims(&policy, "{\"exp\":1700000600,\"a\":{\"sub\":\"a\"},\"jti\":\"b\"}", CEK_JWT_CLAIM,
		"sub: missing");
}

static void test_scopes(void **state)
{
	static const char *const scopes[] = {"orders:read", "orders:write", NULL};
	static const struct cek_jwt_policy policy = {POLICY, .scopes = scopes};

	(void)state;
	with(&policy, "scope", "\"orders:read orders:write\"", CEK_JWE_OK, "");
	with(&policy, "scope", "\"openid orders:write profile orders:read\"", CEK_JWE_OK, "");
	with(&policy, "scope", "[\"orders:write\",\"orders:read\"]", CEK_JWE_OK, "");
	with(&policy, "scp", "[\"orders:write\",\"orders:read\"]", CEK_JWE_OK, "");
	with(&policy, "scp", "\"orders:read orders:write\"", CEK_JWE_OK, "");
	with(&policy, "scope", "\"orders:read\"", CEK_JWT_SCOPE, "scope: orders:write is missing");
	with(&policy, "scope", "\"orders:read orders:writer\"", CEK_JWT_SCOPE, "orders:write");
	with(&policy, "scope", "\"orders:read\\torders:write\"", CEK_JWT_SCOPE, "orders:read");
	with(&policy, "scope", "[\"orders:read orders:write\"]", CEK_JWT_SCOPE, "orders:read");
	with(&policy, "scope", "[\"orders:read\",\"orders:write\",1]", CEK_JWT_SCOPE, "orders:read");
	with(&policy, "scope", "\"\"", CEK_JWT_SCOPE, "orders:read");
	with(&policy, "scope", "null", CEK_JWT_SCOPE, "orders:read");
	with(&policy, "scope", "true", CEK_JWT_SCOPE, "orders:read");
	with(&policy, "sub", "\"orders:read orders:write\"", CEK_JWT_SCOPE, "orders:read");
	expect_claims(&policy, "{\"exp\":1700000600,\"scope\":\"\",\"scp\":[\"orders:write\",\"orders:read\"]}",
		CEK_JWT_SCOPE, "orders:read");
	/* A token that is not good says so, not what it lacks. */
	expect_claims(&policy, "{\"exp\":1,\"scope\":\"\"}", CEK_JWT_CLAIM, "exp");
}

/* The value of a claim is nobody's business but the caller's. */
static void test_details_hold_no_value(void **state)
{
	static const char *const names[] = {"wanted", NULL};
	static const struct cek_jwt_policy policies[] = {
		{POLICY, .issuers = names},
		{POLICY, .audiences = names},
		{POLICY, .required = names},
		{POLICY, .scopes = names},
	};
	static const char claims[] = "{\"exp\":1700000600,\"iss\":\"s3cret\",\"aud\":\"s3cret\",\"scope\":\"s3cret\"}";

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		cek_jwt_keys *keys = keys_of("ES256", "");
		char *token = jwt_sign(jwt_key("ES256", 0), "ES256", "{\"alg\":\"ES256\"}", claims);
		struct cek_jwe_error error;
		cek_jwt *jwt;

		assert_int_not_equal(cek_jwt_verify(keys, &policies[i], token, strlen(token), &jwt, &error),
			CEK_JWE_OK);
		assert_null(strstr(error.details, "s3cret"));
		free(token);
		cek_jwt_keys_free(keys);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_fractions),
		cmocka_unit_test(test_times_that_are_none),
		cmocka_unit_test(test_numbers_stand_alone),
		cmocka_unit_test(test_exp_is_mandatory),
		cmocka_unit_test(test_issuer),
		cmocka_unit_test(test_audience),
		cmocka_unit_test(test_required),
		cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_details_hold_no_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
