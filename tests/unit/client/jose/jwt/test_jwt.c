/* SPDX-License-Identifier: Apache-2.0 */
/* The policy, the limits of a token, and what is handed out of one. */
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

#define CLAIMS "{\"exp\":1700000600}"

static const struct cek_jwt_policy policy = {POLICY};
static const char header[] = "{\"alg\":\"ES256\"}";

static void test_algorithms(void **state)
{
	char text[64];

	(void)state;
	for (size_t i = 0; all_algs[i]; i++) {
		(void)snprintf(text, sizeof(text), "{\"alg\":\"%s\"}", all_algs[i]);
		expect(&policy, all_algs[i], text, CLAIMS, CEK_JWE_OK, "");
	}
}

/* A good token, and the jwt that comes of it. */
static cek_jwt *opened(const char *head, const char *payload)
{
	char *token = jwt_sign(jwt_key("ES256", 0), "ES256", head, payload);
	cek_jwt_keys *keys = keys_of("ES256", "");
	cek_jwt *jwt;

	expect_token(keys, &policy, token, CEK_JWE_OK, "", &jwt);
	cek_jwt_keys_free(keys);
	free(token);
	return jwt;
}

/* ---- the policy -------------------------------------------------------------------------------------------------- */

static void test_policy_size(void **state)
{
	struct {
		struct cek_jwt_policy known;
		char newer[16];
	} own = {.known = {POLICY}};

	(void)state;
	own.known.size = 0;
	expect_claims(&own.known, CLAIMS, CEK_JWE_POLICY, "policy, size");
	own.known.size = offsetof(struct cek_jwt_policy, algs);
	expect_claims(&own.known, CLAIMS, CEK_JWE_POLICY, "policy, size");
	own.known.size = SIZE_MAX;
	expect_claims(&own.known, CLAIMS, CEK_JWE_POLICY, "policy, size");
	own.known.size = sizeof(own);
	expect_claims(&own.known, CLAIMS, CEK_JWE_OK, "");
	own.newer[15] = 1; /* it says something that is not understood */
	expect_claims(&own.known, CLAIMS, CEK_JWE_POLICY, "policy, size");
	own.known.size = offsetof(struct cek_jwt_policy, now); /* an older caller: the clock */
	expect_claims(&own.known, CLAIMS, CEK_JWT_CLAIM, "exp: the token has expired");
}

static void test_policy_limits(void **state)
{
	struct cek_jwt_policy own = policy;

	(void)state;
	own.leeway = CEK_JWT_LEEWAY_MAX;
	expect_claims(&own, "{\"exp\":1699913601}", CEK_JWE_OK, "");
	own.leeway = CEK_JWT_LEEWAY_MAX + 1;
	expect_claims(&own, CLAIMS, CEK_JWE_POLICY, "policy, leeway");
	own = policy;
	own.max_token = CEK_JWE_TOKEN_MAX;
	expect_claims(&own, CLAIMS, CEK_JWE_OK, "");
	own.max_token = (size_t)CEK_JWE_TOKEN_MAX + 1;
	expect_claims(&own, CLAIMS, CEK_JWE_POLICY, "policy, max_token");
	own.max_token = 10;
	expect_claims(&own, CLAIMS, CEK_JWE_TOO_LARGE, "token: over 10 bytes");
	own = policy;
	own.now = -1;
	expect_claims(&own, CLAIMS, CEK_JWE_POLICY, "policy, now");
	own.now = 253402300800;
	expect_claims(&own, CLAIMS, CEK_JWE_POLICY, "policy, now");
	own.now = 253402300799;
	own.leeway = 1;
	expect_claims(&own, "{\"exp\":253402300799}", CEK_JWE_OK, "");
}

/* now 0 is the clock: of this century, and not yet of 2100. */
static void test_clock(void **state)
{
	struct cek_jwt_policy own = policy;

	(void)state;
	own.now = 0;
	expect_claims(&own, "{\"exp\":1700000000}", CEK_JWT_CLAIM, "exp: the token has expired");
	expect_claims(&own, "{\"exp\":4102444800}", CEK_JWE_OK, "");
	expect_claims(&own, "{\"exp\":4102444801,\"nbf\":4102444800}", CEK_JWT_CLAIM, "nbf: in the future");
}

static void test_no_error_wanted(void **state)
{
	cek_jwt_keys *keys = keys_of("ES256", ""), *none = NULL;
	cek_jwt *jwt = NULL;

	(void)state;
	assert_int_equal(cek_jwt_verify(keys, &policy, "a.b.c", 5, &jwt, NULL), CEK_JWE_MALFORMED);
	assert_int_equal(cek_jwt_keys_parse("{", 1, &none, NULL), CEK_JWE_MALFORMED);
	assert_null(jwt);
	assert_null(none);
	assert_null(cek_jwt_free(NULL));
	cek_jwt_keys_free(keys);
}

/* ---- parts and limits -------------------------------------------------------------------------------------------- */

static void test_parts(void **state)
{
	static const char *const tokens[] = {"", ".", "a", "a.b", "....", "a.b.c.d", "a.b.c.d.e", "{\"payload\":\"\"}"};
	cek_jwt_keys *keys = keys_of("ES256", "");

	(void)state;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		expect_token(keys, &policy, tokens[i], CEK_JWE_MALFORMED, "token: not three parts", NULL);
	expect_token(keys, &policy, "..", CEK_JWE_MALFORMED, "header: not a JSON object", NULL);
	expect_token(keys, &policy, "a.b.c", CEK_JWE_MALFORMED, "header: not base64url", NULL);
	cek_jwt_keys_free(keys);
}

/* A header of so many bytes. */
static void header_of(size_t len, int code, const char *details)
{
	static const char begin[] = "{\"alg\":\"ES256\",\"a\":\"";
	char *text = malloc(len + 1);

	memset(text, 'x', len);
	memcpy(text, begin, strlen(begin));
	memcpy(text + len - 2, "\"}", 3);
	expect(&policy, "ES256", text, CLAIMS, code, details);
	free(text);
}

static void nested(unsigned depth, int code, const char *details)
{
	char text[256], open[64] = "", close[64] = "";

	for (unsigned i = 1; i < depth; i++) {
		strcat(open, "[");
		strcat(close, "]");
	}
	(void)snprintf(text, sizeof(text), "{\"exp\":1700000600,\"x\":%s%s}", open, close);
	expect_claims(&policy, text, code, details);
}

/* A member, x and so many elements of x, for free(3). */
static char *many(const char *member, size_t n)
{
	char *text = malloc(2 * n + 64);
	size_t len = (size_t)sprintf(text, "{%s,\"x\":[", member);

	for (size_t i = 0; i < n; i++)
		len += (size_t)sprintf(text + len, "%s1", i ? "," : "");
	(void)sprintf(text + len, "]}");
	return text;
}

static void many_claims(size_t n, int code, const char *details)
{
	char *text = many("\"exp\":1700000600", n);

	expect_claims(&policy, text, code, details);
	free(text);
}

static void many_in_header(size_t n, int code, const char *details)
{
	char *text = many("\"alg\":\"ES256\"", n);

	expect(&policy, "ES256", text, CLAIMS, code, details);
	free(text);
}

static void test_header_limits(void **state)
{
	(void)state;
	header_of(CEK_JWE_HEADER_MAX, CEK_JWE_OK, "");
	header_of(CEK_JWE_HEADER_MAX + 1, CEK_JWE_TOO_LARGE, "header: over 8192 bytes");
	header_of(200000, CEK_JWE_TOO_LARGE, "token: over 262144 bytes");
	expect(&policy, "ES256", "{\"alg\":\"ES256\",\"x\":[[[[[[[]]]]]]]}", CLAIMS, CEK_JWE_OK, "");
	expect(&policy, "ES256", "{\"alg\":\"ES256\",\"x\":[[[[[[[[]]]]]]]]}", CLAIMS, CEK_JWE_MALFORMED,
		"header: nested too deep");
	many_in_header(CEK_JWT_HEADER_VALUES_MAX - 2, CEK_JWE_OK, "");
	many_in_header(CEK_JWT_HEADER_VALUES_MAX - 1, CEK_JWE_TOO_LARGE, "header: over 256 values");
}

static void test_payload_limits(void **state)
{
	(void)state;
	nested(CEK_JWT_DEPTH_MAX, CEK_JWE_OK, "");
	nested(CEK_JWT_DEPTH_MAX + 1, CEK_JWE_MALFORMED, "payload: nested too deep");
	many_claims(CEK_JWT_VALUES_MAX - 2, CEK_JWE_OK, "");
	many_claims(CEK_JWT_VALUES_MAX - 1, CEK_JWE_TOO_LARGE, "payload: over 10000 values");
}

/* ---- what is handed out ------------------------------------------------------------------------------------------ */

#define PATH(...) ((const char *const[]){__VA_ARGS__, NULL})

static void text_is(struct cek_jwt_value value, int type, const char *text)
{
	assert_int_equal(value.type, type);
	assert_int_equal(value.text.len, strlen(text));
	assert_string_equal(value.text.data, text);
}

static void test_types(void **state)
{
	cek_jwt *jwt = opened(header,
		"{\"exp\":1700000600, \"s\":\"Zo\\u00eb \\ud83d\\udd11\", \"t\":true, \"f\":false,"
		"\"n\":null, \"a\":[1, \"2\" ,{\"b\" : 3.50}], \"e\":\"\",\"o\":{\"p\":{\"q\":\"r\"}},"
		"\"z\":[],\"y\":{}}");

	(void)state;
	text_is(cek_jwt_claim(jwt, PATH("s")), CEK_JWT_STRING, "Zo\xc3\xab \xf0\x9f\x94\x91");
	text_is(cek_jwt_claim(jwt, PATH("e")), CEK_JWT_STRING, "");
	text_is(cek_jwt_claim(jwt, PATH("t")), CEK_JWT_BOOL, "true");
	assert_true(cek_jwt_claim(jwt, PATH("t")).truth);
	text_is(cek_jwt_claim(jwt, PATH("f")), CEK_JWT_BOOL, "false");
	assert_false(cek_jwt_claim(jwt, PATH("f")).truth);
	text_is(cek_jwt_claim(jwt, PATH("n")), CEK_JWT_NULL, "null");
	text_is(cek_jwt_claim(jwt, PATH("a")), CEK_JWT_ARRAY, "[1,\"2\",{\"b\":3.50}]");
	text_is(cek_jwt_claim(jwt, PATH("z")), CEK_JWT_ARRAY, "[]");
	text_is(cek_jwt_claim(jwt, PATH("y")), CEK_JWT_OBJECT, "{}");
	text_is(cek_jwt_claim(jwt, PATH("o")), CEK_JWT_OBJECT, "{\"p\":{\"q\":\"r\"}}");
	text_is(cek_jwt_claim(jwt, PATH("o", "p")), CEK_JWT_OBJECT, "{\"q\":\"r\"}");
	text_is(cek_jwt_claim(jwt, PATH("o", "p", "q")), CEK_JWT_STRING, "r");
	text_is(cek_jwt_claim(jwt, PATH("o", "p", "q", "r")), CEK_JWT_NONE, "");
	text_is(cek_jwt_claim(jwt, PATH("a", "b")), CEK_JWT_NONE, "");
	text_is(cek_jwt_claim(jwt, PATH("p")), CEK_JWT_NONE, "");
	text_is(cek_jwt_claim(jwt, (const char *const[]){NULL}), CEK_JWT_NONE, "");
	assert_int_equal(cek_jwt_expires(jwt), 1700000600);
	cek_jwt_free(jwt);
}

static void number(const char *text, int type, int64_t integer, double real)
{
	struct cek_jwt_value value;
	char payload[256];
	cek_jwt *jwt;

	(void)snprintf(payload, sizeof(payload), "{\"exp\":1700000600,\"x\":%s,\"y\":[%s]}", text, text);
	jwt = opened(header, payload);
	value = cek_jwt_claim(jwt, PATH("x"));
	text_is(value, type, text);
	assert_int_equal(value.integer, integer);
	assert_true(value.real == real);
	(void)snprintf(payload, sizeof(payload), "[%s]", text);
	text_is(cek_jwt_claim(jwt, PATH("y")), CEK_JWT_ARRAY, payload);
	cek_jwt_free(jwt);
}

static void test_numbers(void **state)
{
	(void)state;
	number("0", CEK_JWT_INTEGER, 0, 0);
	number("-0", CEK_JWT_INTEGER, 0, 0);
	number("9223372036854775807", CEK_JWT_INTEGER, INT64_MAX, 9223372036854775807.0);
	number("-9223372036854775808", CEK_JWT_INTEGER, INT64_MIN, -9223372036854775808.0);
	number("9223372036854775808", CEK_JWT_REAL, 0, 9223372036854775808.0);
	number("123456789012345678901234567890", CEK_JWT_REAL, 0, 123456789012345678901234567890.0);
	number("1.10", CEK_JWT_REAL, 0, 1.1);
	number("1e2", CEK_JWT_REAL, 0, 100);
	number("-1.5E+3", CEK_JWT_REAL, 0, -1500);
	number("1e-400", CEK_JWT_REAL, 0, 0);
	expect_claims(&policy, "{\"exp\":1700000600,\"x\":[1e309]}", CEK_JWE_MALFORMED,
		"a number that no double holds");
}

static void test_header_and_payload(void **state)
{
	static const char payload[] = " {\"exp\" :1700000600.75}\n";
	cek_jwt *jwt = opened("{\"alg\":\"ES256\",\"typ\":\"JWT\",\"x\":{\"y\":[1]},\"n\":18446744073709551616}",
		payload);

	(void)state;
	text_is(cek_jwt_header(jwt, "alg"), CEK_JWT_STRING, "ES256");
	text_is(cek_jwt_header(jwt, "typ"), CEK_JWT_STRING, "JWT");
	text_is(cek_jwt_header(jwt, "x"), CEK_JWT_OBJECT, "{\"y\":[1]}");
	text_is(cek_jwt_header(jwt, "n"), CEK_JWT_REAL, "18446744073709551616");
	text_is(cek_jwt_header(jwt, "exp"), CEK_JWT_NONE, "");
	text_is(cek_jwt_claim(jwt, PATH("alg")), CEK_JWT_NONE, "");
	assert_int_equal(cek_jwt_payload(jwt).len, strlen(payload));
	assert_string_equal(cek_jwt_payload(jwt).data, payload);
	assert_int_equal(cek_jwt_expires(jwt), 1700000600);
	cek_jwt_free(jwt);
}

static void test_no_expiry(void **state)
{
	char *token = jwt_sign(jwt_key("ES256", 0), "ES256", header, "{}");
	cek_jwt_keys *keys = keys_of("ES256", "");
	struct cek_jwt_policy own = policy;
	cek_jwt *jwt;

	(void)state;
	own.no_exp = true;
	expect_token(keys, &own, token, CEK_JWE_OK, "", &jwt);
	assert_int_equal(cek_jwt_expires(jwt), -1);
	cek_jwt_free(jwt);
	cek_jwt_keys_free(keys);
	free(token);
}

/* Claims that came without a signature: their policy holds, and header and keys are none of its business. */
static void test_claims_alone(void **state)
{
	const char *const path[] = {"exp", NULL};
	static const char claims[] = "{\"exp\":1700000600,\"sub\":\"alice\"}";
	struct cek_jwt_policy limited = policy;
	struct cek_jwe_error error;
	cek_jwt *jwt = NULL;

	(void)state;
	limited.max_token = strlen(claims);
	assert_int_equal(cek_jwt_claims(&limited, claims, strlen(claims), &jwt, &error), CEK_JWE_OK);
	assert_int_equal(cek_jwt_expires(jwt), 1700000600);
	assert_int_equal(cek_jwt_claim(jwt, path).integer, 1700000600);
	assert_int_equal(cek_jwt_header(jwt, "alg").type, CEK_JWT_NONE);
	assert_memory_equal(cek_jwt_payload(jwt).data, claims, sizeof(claims));
	cek_jwt_free(jwt);
	jwt = NULL;
	limited.max_token--;
	assert_int_equal(cek_jwt_claims(&limited, claims, strlen(claims), &jwt, &error), CEK_JWE_TOO_LARGE);
	limited = policy;
	limited.now = 1700000601;
	assert_int_equal(cek_jwt_claims(&limited, claims, strlen(claims), &jwt, &error), CEK_JWT_CLAIM);
	assert_int_equal(cek_jwt_claims(&policy, "[]", 2, &jwt, &error), CEK_JWE_MALFORMED);
	assert_int_equal(cek_jwt_claims(&policy, "", 0, &jwt, &error), CEK_JWE_MALFORMED);
	assert_null(jwt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_policy_size),
		cmocka_unit_test(test_policy_limits),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_no_error_wanted),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_header_limits),
		cmocka_unit_test(test_payload_limits),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_header_and_payload),
		cmocka_unit_test(test_no_expiry),
		cmocka_unit_test(test_claims_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
