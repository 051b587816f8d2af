/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of signers: what is read, what is passed over and told, and which key a token finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ec.h>

#include "tests/unit/client/jose/jwt/make_jwt.h"
#include "tests/unit/client/jose/jwt/verdict.h"

static const struct cek_jwt_policy policy = {POLICY};
static struct cek_jwe_error error;

/* A set of these entries, for free(3). */
static char *set_of(const char *const *entries, size_t n)
{
	char *text = strdup("{\"keys\":["), *longer;

	for (size_t i = 0; i < n; i++) {
		assert_true(asprintf(&longer, "%s%s%s", text, i ? "," : "", entries[i]) > 0);
		free(text);
		text = longer;
	}
	assert_true(asprintf(&longer, "%s]}", text) > 0);
	free(text);
	return longer;
}

static cek_jwt_keys *parse(const char *text, int code)
{
	cek_jwt_keys *keys = NULL;
	int got = cek_jwt_keys_parse(text, strlen(text), &keys, &error);

	if (got != code || error.code != code)
		fail_msg("%.200s: %s %s", text, cek_jwe_code_name(got), error.details);
	assert_int_equal(keys != NULL, code == CEK_JWE_OK);
	return keys;
}

/* Beside a good key each of these costs nothing but itself; alone it leaves none. */
static void strange(const char *entry, const char *why)
{
	char *good = jwt_jwk(jwt_key("ES256", 0), ""), *text = set_of((const char *const[]){entry, good}, 2),
	     wanted[256];
	cek_jwt_keys *keys = parse(text, CEK_JWE_OK);

	assert_int_equal(cek_jwt_keys_count(keys), 1);
	(void)snprintf(wanted, sizeof(wanted), "%s%s", why[0] ? "1 passed over; key 1: " : "", why);
	assert_string_equal(error.details, wanted);
	cek_jwt_keys_free(keys);
	free(text);
	free(good);

	text = set_of(&entry, 1);
	keys = parse(text, why[0] ? CEK_JWE_MALFORMED : CEK_JWE_OK);
	if (keys)
		assert_int_equal(cek_jwt_keys_count(keys), 0);
	(void)snprintf(wanted, sizeof(wanted), "%s%s", why[0] ? "key 1: " : "", why);
	assert_string_equal(error.details, wanted);
	cek_jwt_keys_free(keys);
	free(text);
}

static void strange_key(const char *alg, const char *members, const char *why)
{
	char *jwk = jwt_jwk(jwt_key(alg, 0), members);

	strange(jwk, why);
	free(jwk);
}

/* For encryption, or for making signatures: nothing to tell. */
static void test_other_uses(void **state)
{
	(void)state;
	strange_key("RS256", "\"use\":\"enc\",", "");
	strange_key("RS256", "\"use\":\"SIG\",", "");
	strange_key("RS256", "\"key_ops\":[\"wrapKey\",\"encrypt\"],", "");
	strange_key("RS256", "\"key_ops\":[\"sign\"],", "");
	strange_key("RS256", "\"key_ops\":[],", "");
	strange_key("RS256", "\"use\":\"sig\",\"key_ops\":[\"sign\"],", "");
	strange_key("RS256", "\"alg\":\"RSA-OAEP-256\",", "");
	strange_key("ES256", "\"alg\":\"ECDH-ES\",", "");
	strange("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA\"}", "");
}

static void test_strange_entries(void **state)
{
	static const char alg[] = "alg: not a signature with a public key that is known";
	static const char types[] = "alg, use or key_ops: of a wrong type";
	static const char kid[] = "kty or kid: missing, not a string, empty, too long or with a NUL";

	(void)state;
	strange_key("RS256", "\"d\":\"AA\",", "holds a private key");
	strange_key("EdDSA", "\"d\":\"AA\",", "holds a private key");
	strange("{\"kty\":\"oct\",\"k\":\"AAAA\"}", "holds a private key");
	strange("{\"kty\":\"oct\",\"alg\":\"HS256\"}", alg);
	strange("{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"AA\"}", alg);
	strange("{\"kty\":\"AKP\",\"pub\":\"AA\"}", "kty, crv or size: not one that is known");
	strange_key("RS256", "\"alg\":\"HS256\",", alg);
	strange_key("RS256", "\"alg\":\"none\",", alg);
	strange_key("RS256", "\"alg\":\"\",", alg);
	strange_key("RS256", "\"alg\":\"ES256\",", "alg: does not fit kty and crv");
	strange_key("ES256", "\"alg\":\"ES384\",", "alg: does not fit kty and crv");
	strange_key("EdDSA", "\"alg\":\"Ed448\",", "alg: does not fit kty and crv");
	strange_key("RS256", "\"alg\":7,", types);
	strange_key("RS256", "\"use\":[\"sig\"],", types);
	strange_key("RS256", "\"key_ops\":\"verify\",", types);
	strange_key("RS256", "\"kid\":7,", kid);
	strange_key("RS256", "\"kid\":\"\",", kid);
	strange_key("RS256", "\"kid\":\"a\\u0000b\",", kid);
	strange_key("RS256", "\"kty\":\"RSA\",", "not a JSON object, or one with a member twice");
	strange("7", "not a JSON object, or one with a member twice");
	strange("{}", kid);
	strange("{\"kty\":\"OKP\",\"x\":\"AA\"}", "crv: missing, or not one that signs");
	strange("{\"kty\":\"OKP\",\"crv\":\"ed25519\",\"x\":\"AA\"}", "crv: missing, or not one that signs");
	strange("{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", "x: missing, not base64url, or of a wrong length");
	strange("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw\"}",
		"x: missing, not base64url, or of a wrong length");
	strange("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\"}",
		"x: missing, not base64url, or of a wrong length");
	strange("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "kty, crv or size: not one that is known");
}

static void test_whole_sets(void **state)
{
	static const char *const malformed[] = {"", "[]", "7", "{}", "{\"keys\":{}}", "{\"keys\":7}",
		"{\"keys\":[],\"keys\":[]}", "{\"keys\":[\xff]}", "{\"keys\":["};
	char *jwk = jwt_jwk(jwt_key("ES256", 0), "");
	cek_jwt_keys *keys;

	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		parse(malformed[i], CEK_JWE_MALFORMED);
	keys = parse("{\"keys\":[]}", CEK_JWE_OK);
	assert_int_equal(cek_jwt_keys_count(keys), 0);
	expect_token(keys, &policy, "eyJhbGciOiJFUzI1NiJ9.e30.AAAA", CEK_JWE_NO_KEY, "no key for this alg", NULL);
	cek_jwt_keys_free(keys);
	keys = parse(jwk, CEK_JWE_OK); /* a single one */
	assert_int_equal(cek_jwt_keys_count(keys), 1);
	cek_jwt_keys_free(keys);
	assert_null(cek_jwt_keys_free(NULL));
	free(jwk);
}

static void test_limits(void **state)
{
	const char *entries[CEK_JWT_KEYS_MAX + 1];
	char *text, *large = calloc(1, CEK_JWT_KEYS_TEXT_MAX + 2);
	cek_jwt_keys *keys;

	(void)state;
	for (size_t i = 0; i <= CEK_JWT_KEYS_MAX; i++)
		entries[i] = "{}";
	text = set_of(entries, CEK_JWT_KEYS_MAX);
	parse(text, CEK_JWE_MALFORMED);
	assert_string_equal(error.details, "key 1: kty or kid: missing, not a string, empty, too long or with a NUL");
	free(text);
	text = set_of(entries, CEK_JWT_KEYS_MAX + 1);
	parse(text, CEK_JWE_TOO_LARGE);
	assert_string_equal(error.details, "JWK Set: over 1024 keys");
	free(text);
	memset(large, ' ', CEK_JWT_KEYS_TEXT_MAX + 1);
	memcpy(large, "{\"keys\":[]}", 11);
	assert_int_equal(cek_jwt_keys_parse(large, CEK_JWT_KEYS_TEXT_MAX, &keys, &error), CEK_JWE_OK);
	cek_jwt_keys_free(keys);
	assert_int_equal(cek_jwt_keys_parse(large, CEK_JWT_KEYS_TEXT_MAX + 1, &keys, &error), CEK_JWE_TOO_LARGE);
	free(large);
}

/* ---- which key --------------------------------------------------------------------------------------------------- */

#define CLAIMS "{\"exp\":1700000600}"

static void find(const char *const *entries, size_t n, const char *header, int code, const char *details)
{
	char *text = set_of(entries, n), *token = jwt_sign(jwt_key("ES256", 0), "ES256", header, CLAIMS);
	cek_jwt_keys *keys = parse(text, CEK_JWE_OK);

	expect_token(keys, &policy, token, code, details, NULL);
	cek_jwt_keys_free(keys);
	free(token);
	free(text);
}

static void test_kid(void **state)
{
	static const char a[] = "{\"alg\":\"ES256\",\"kid\":\"a\"}", b[] = "{\"alg\":\"ES256\",\"kid\":\"b\"}";
	EVP_PKEY *other = EVP_EC_gen("P-256");
	char *one = jwt_jwk(jwt_key("ES256", 0), "\"kid\":\"a\","), *two = jwt_jwk(other, "\"kid\":\"b\",");
	char *same = jwt_jwk(other, "\"kid\":\"a\","), *rsa = jwt_jwk(jwt_key("RS256", 0), "\"kid\":\"a\",");

	(void)state;
	find((const char *const[]){one, two}, 2, a, CEK_JWE_OK, "");
	find((const char *const[]){two, one}, 2, a, CEK_JWE_OK, "");
	find((const char *const[]){one, two}, 2, b, CEK_JWE_FAILED, ""); /* the key is there, but was not named */
	find((const char *const[]){two}, 1, a, CEK_JWE_NO_KEY, "kid: names no key");
	find((const char *const[]){one, same}, 2, a, CEK_JWE_NO_KEY, "kid: names several keys");
	find((const char *const[]){one, one}, 2, a, CEK_JWE_NO_KEY, "kid: names several keys");
	find((const char *const[]){one, rsa}, 2, a, CEK_JWE_OK, ""); /* RFC 7517 section 4.5 allows that */
	find((const char *const[]){rsa}, 1, a, CEK_JWE_NO_KEY, "kid: names no key for this alg");
	free(one);
	free(two);
	free(same);
	free(rsa);
	EVP_PKEY_free(other);
}

/* All that fit are tried, within a bound. */
static void test_no_kid(void **state)
{
	static const char header[] = "{\"alg\":\"ES256\"}";
	EVP_PKEY *others[CEK_JWT_TRIES_MAX];
	char *good = jwt_jwk(jwt_key("ES256", 0), "\"kid\":\"g\","), *rsa = jwt_jwk(jwt_key("RS256", 0), "");
	char *bad[CEK_JWT_TRIES_MAX];

	(void)state;
	for (size_t i = 0; i < CEK_JWT_TRIES_MAX; i++) {
		others[i] = EVP_EC_gen("P-256");
		bad[i] = jwt_jwk(others[i], "");
	}
	find((const char *const[]){good}, 1, header, CEK_JWE_OK, "");
	find((const char *const[]){bad[0], bad[1], bad[2], good}, 4, header, CEK_JWE_OK, "");
	find((const char *const[]){good, rsa, bad[0], bad[1], rsa, bad[2]}, 6, header, CEK_JWE_OK, "");
	find((const char *const[]){bad[0], bad[1], bad[2], bad[3]}, 4, header, CEK_JWE_FAILED, "");
	find((const char *const[]){good, bad[0], bad[1], bad[2], bad[3]}, 5, header, CEK_JWE_NO_KEY,
		"no kid, and too many keys");
	find((const char *const[]){rsa}, 1, header, CEK_JWE_NO_KEY, "no key for this alg");
	for (size_t i = 0; i < CEK_JWT_TRIES_MAX; i++) {
		EVP_PKEY_free(others[i]);
		free(bad[i]);
	}
	free(good);
	free(rsa);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_uses),
		cmocka_unit_test(test_strange_entries),
		cmocka_unit_test(test_whole_sets),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_kid),
		cmocka_unit_test(test_no_kid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
