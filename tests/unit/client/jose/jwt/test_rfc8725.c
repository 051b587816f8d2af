/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 8725 (JSON Web Token Best Current Practices) point by point: a test is named after its section. Sections 3.6
 * (compression) and 2.4, 2.5 (encryption) are those of JWE. RFC 9068 (access tokens) follows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include "proto/base64url.h"
#include "tests/unit/client/jose/jwt/make_jwt.h"
#include "tests/unit/client/jose/jwt/verdict.h"

#define CLAIMS "{\"exp\":1700000600,\"sub\":\"alice\"}"

static const struct cek_jwt_policy policy = {POLICY};
static const char good_header[] = "{\"alg\":\"ES256\"}";

static void header(const char *text, int code, const char *details)
{
	expect(&policy, "ES256", text, CLAIMS, code, details);
}

/* The caller's one list decides; what is signed well with another algorithm is not looked at. */
static void test_3_1_list_of_the_caller(void **state)
{
	static const char *const es256[] = {"ES256", NULL}, *const rs256[] = {"RS256", NULL}, *const none[] = {NULL};
	struct cek_jwt_policy own = policy;

	(void)state;
	own.algs = es256;
	expect(&own, "ES256", good_header, CLAIMS, CEK_JWE_OK, "");
	own.algs = rs256;
	expect(&own, "ES256", good_header, CLAIMS, CEK_JWE_POLICY, "alg: not in the caller's list");
	own.algs = none;
	expect(&own, "ES256", good_header, CLAIMS, CEK_JWE_POLICY, "policy, algs: missing");
	own.algs = NULL;
	expect(&own, "ES256", good_header, CLAIMS, CEK_JWE_POLICY, "policy, algs: missing");
}

/* What the list may hold: names of MACs and "none" are no slip that goes unseen. */
static void test_3_1_list_of_signatures(void **state)
{
	static const char *const names[] = {"none", "None", "", "HS256", "HS384", "HS512", "ES256K", "es256",
		"RSA-OAEP", "A128KW"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *const algs[] = {"ES256", names[i], NULL};
		struct cek_jwt_policy own = policy;

		own.algs = algs;
		expect(&own, "ES256", good_header, CLAIMS, CEK_JWE_POLICY, "policy, algs: one that is no signature");
	}
}

/* Section 2.1: a MAC whose secret is the public key, and alg none in all spellings. */
static void test_3_1_confusion(void **state)
{
	static const char *const names[] = {"HS256", "none", "None", "NONE", "nOnE", "HS384", "rs256", "RS256\\u0020",
		""};
	cek_jwt_keys *keys = keys_of("RS256", "");
	char text[64], *token;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"alg\":\"%s\"}", names[i]);
		token = jwt_sign(jwt_key("RS256", 0), i == 0 ? "HS256" : "none", text, CLAIMS);
		if (names[i][0])
			expect_token(keys, &policy, token, CEK_JWE_POLICY, "alg: not in the caller's list", NULL);
		else
			expect_token(keys, &policy, token, CEK_JWE_MALFORMED, "alg: not a string, or empty", NULL);
		free(token);
	}
	cek_jwt_keys_free(keys);
	header("{}", CEK_JWE_MALFORMED, "alg: missing");
	header("{\"alg\":null}", CEK_JWE_MALFORMED, "alg: not a string");
	header("{\"alg\":[\"ES256\"]}", CEK_JWE_MALFORMED, "alg: not a string");
	header("{\"alg\":0}", CEK_JWE_MALFORMED, "alg: not a string");
	header("{\"Alg\":\"ES256\"}", CEK_JWE_MALFORMED, "alg: missing");
}

/* "Each key MUST be used with exactly one algorithm": its kind, its curve and, if it says so, its alg. */
static void test_3_1_key_and_algorithm(void **state)
{
	static const struct {
		const char *key, *members, *alg;
		int code;
	} rows[] = {
		{"RS256", "", "PS256", CEK_JWE_OK}, /* one kind of key, and it does not say more */
		{"RS256", "\"alg\":\"RS256\",", "PS256", CEK_JWE_NO_KEY},
		{"RS256", "\"alg\":\"RS256\",", "RS256", CEK_JWE_OK},
		{"RS256", "\"alg\":\"RS256\",", "RS512", CEK_JWE_NO_KEY},
		{"ES256", "", "ES384", CEK_JWE_NO_KEY},
		{"ES384", "", "ES256", CEK_JWE_NO_KEY},
		{"ES512", "", "ES256", CEK_JWE_NO_KEY},
		{"ES256", "", "RS256", CEK_JWE_NO_KEY},
		{"EdDSA", "", "ES256", CEK_JWE_NO_KEY},
		{"EdDSA", "", "Ed448", CEK_JWE_NO_KEY},
		{"EdDSA", "", "Ed25519", CEK_JWE_OK},
		{"EdDSA", "\"alg\":\"EdDSA\",", "Ed25519", CEK_JWE_NO_KEY},
		{"Ed448", "", "EdDSA", CEK_JWE_OK},
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		EVP_PKEY *pkey = jwt_key(rows[i].key, 0);
		cek_jwt_keys *keys = keys_of(rows[i].key, rows[i].members);
		bool same = (rows[i].key[0] == 'R') == (rows[i].alg[0] == 'R' || rows[i].alg[0] == 'P');
		char *token;

		(void)snprintf(text, sizeof(text), "{\"alg\":\"%s\"}", rows[i].alg);
		token = jwt_sign(pkey, same && rows[i].key[1] != 'd' ? rows[i].alg : rows[i].key, text, CLAIMS);
		expect_token(keys, &policy, token, rows[i].code,
			rows[i].code == CEK_JWE_OK ? "" : "no key for this alg", NULL);
		free(token);
		cek_jwt_keys_free(keys);
	}
}

/* "Use appropriate algorithms": no signature, no token. */
static void test_3_2_no_signature(void **state)
{
	cek_jwt_keys *keys = keys_of("ES256", "");
	char *token = jwt_sign(jwt_key("ES256", 0), "none", good_header, CLAIMS);

	(void)state;
	assert_int_equal(token[strlen(token) - 1], '.');
	expect_token(keys, &policy, token, CEK_JWE_FAILED, "", NULL);
	token[strlen(token) - 1] = '\0';
	expect_token(keys, &policy, token, CEK_JWE_MALFORMED, "not three parts", NULL);
	free(token);
	cek_jwt_keys_free(keys);
}

/* Change one character at a time, over the whole token: nothing of it is believed any more. */
static void test_3_3_every_character(void **state)
{
	cek_jwt_keys *keys = keys_of("ES256", "");
	char *token = jwt_sign(jwt_key("ES256", 0), "ES256", good_header, CLAIMS);

	(void)state;
	expect_token(keys, &policy, token, CEK_JWE_OK, "", NULL);
	for (size_t i = 0; token[i]; i++) {
		struct cek_jwe_error error;
		cek_jwt *jwt = NULL;
		char was = token[i];

		token[i] = was == 'A' ? 'B' : 'A';
		assert_int_not_equal(cek_jwt_verify(keys, &policy, token, strlen(token), &jwt, &error), CEK_JWE_OK);
		assert_null(jwt);
		token[i] = was;
	}
	free(token);
	cek_jwt_keys_free(keys);
}

/* The payload is not read before the signature: it is the sender's, whoever that is. */
static void test_3_3_order(void **state)
{
	cek_jwt_keys *keys = keys_of("ES256", "");
	char *token = jwt_sign(jwt_key("ES384", 0), "none", good_header, "no JSON");

	(void)state;
	expect_token(keys, &policy, token, CEK_JWE_FAILED, "", NULL);
	free(token);
	cek_jwt_keys_free(keys);
}

/* CVE-2022-21449 ("psychic signatures") and its like: r and s outside of 1 to n-1, and of other lengths. */
static void test_3_4_signature_values(void **state)
{
	static const char n[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
	static const struct {
		const char *r, *s;
	} rows[] = {{"00", "00"}, {"00", "01"}, {"01", "00"}, {n, n}, {n, "01"}, {"01", n}, {"01", "01"}};
	cek_jwt_keys *keys = keys_of("ES256", "");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *signed_by_none = jwt_sign(jwt_key("ES256", 0), "none", good_header, CLAIMS), *part, *token;
		uint8_t raw[64] = {0};

		for (size_t k = 0; k < strlen(rows[i].r) / 2; k++)
			assert_int_equal(sscanf(rows[i].r + 2 * k, "%2hhx", &raw[32 - strlen(rows[i].r) / 2 + k]), 1);
		for (size_t k = 0; k < strlen(rows[i].s) / 2; k++)
			assert_int_equal(sscanf(rows[i].s + 2 * k, "%2hhx", &raw[64 - strlen(rows[i].s) / 2 + k]), 1);
		part = b64u_text(raw, sizeof(raw));
		assert_true(asprintf(&token, "%s%s", signed_by_none, part) > 0);
		expect_token(keys, &policy, token, CEK_JWE_FAILED, "", NULL);
		free(signed_by_none);
		free(part);
		free(token);
	}
	cek_jwt_keys_free(keys);
}

/* The same signing input with another signature. */
static void signature(const cek_jwt_keys *keys, const char *token, const void *data, size_t len, int code)
{
	char *part = b64u_text(data, len), *text;

	assert_true(asprintf(&text, "%.*s.%s", (int)(strrchr(token, '.') - token), token, part) > 0);
	expect_token(keys, &policy, text, code, "", NULL);
	free(part);
	free(text);
}

/* RFC 7518 section 3.4: exactly as long as twice the order, and RSA as long as the modulus; with an octet more at
 * either end or one less it is none, be it zero. */
static void test_3_4_signature_length(void **state)
{
	static const char *const algs[] = {"ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA", "Ed448"};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		cek_jwt_keys *keys = keys_of(algs[i], "");
		uint8_t octets[600] = {0};
		const char *part;
		ssize_t len;
		char *token;

		(void)snprintf(text, sizeof(text), "{\"alg\":\"%s\"}", algs[i]);
		token = jwt_sign(jwt_key(algs[i], 0), algs[i], text, CLAIMS);
		part = strrchr(token, '.') + 1;
		len = b64u_decode(part, strlen(part), octets + 1, 512);
		assert_true(len > 0);
		signature(keys, token, octets + 1, (size_t)len, CEK_JWE_OK);
		signature(keys, token, octets + 1, (size_t)len + 1, CEK_JWE_FAILED);
		signature(keys, token, octets, (size_t)len + 1, CEK_JWE_FAILED);
		signature(keys, token, octets + 1, (size_t)len - 1, CEK_JWE_FAILED);
		signature(keys, token, octets + 2, (size_t)len - 1, CEK_JWE_FAILED);
		signature(keys, token, octets + 1, 513, CEK_JWE_FAILED);
		free(token);
		cek_jwt_keys_free(keys);
	}
}

/* The point times n on P-256: x and y of 32 octets. */
static void times(const EC_GROUP *group, const BIGNUM *n, BN_CTX *ctx, uint8_t ret_xy[64])
{
	EC_POINT *point = EC_POINT_new(group);
	BIGNUM *x = BN_new(), *y = BN_new();

	assert_int_equal(EC_POINT_mul(group, point, n, NULL, NULL, ctx), 1);
	assert_int_equal(EC_POINT_get_affine_coordinates(group, point, x, y, ctx), 1);
	assert_int_equal(BN_bn2binpad(x, ret_xy, 32), 32);
	assert_int_equal(BN_bn2binpad(y, ret_xy + 32, 32), 32);
	EC_POINT_free(point);
	BN_free(x);
	BN_free(y);
}

/* A key for which r and s, of 32 octets each, begin with a zero: with the first k whose point has such an x, and this
 * s, d is (s k - z) / r. */
static void small_signature(const char *input, uint8_t ret_rs[64], uint8_t ret_xy[64])
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *k = BN_new(), *r = BN_new(), *s = BN_new(), *d = BN_new(), *z = BN_new();
	const BIGNUM *order = EC_GROUP_get0_order(group);
	BN_CTX *ctx = BN_CTX_new();
	uint8_t xy[64], digest[32];

	for (BN_one(k), xy[0] = 1; xy[0] != 0; BN_add_word(k, 1))
		times(group, k, ctx, xy);
	BN_sub_word(k, 1);
	assert_int_equal(EVP_Digest(input, strlen(input), digest, NULL, EVP_sha256(), NULL), 1);
	memcpy(ret_rs, xy, 32);
	memset(ret_rs + 32, 7, 32);
	ret_rs[32] = 0;
	BN_bin2bn(ret_rs, 32, r);
	BN_bin2bn(ret_rs + 32, 32, s);
	BN_bin2bn(digest, 32, z);
	assert_int_equal(BN_mod_mul(d, s, k, order, ctx), 1);
	assert_int_equal(BN_mod_sub(d, d, z, order, ctx), 1);
	assert_non_null(BN_mod_inverse(k, r, order, ctx));
	assert_int_equal(BN_mod_mul(d, d, k, order, ctx), 1);
	times(group, d, ctx, ret_xy);
	BN_free(k);
	BN_free(r);
	BN_free(s);
	BN_free(d);
	BN_free(z);
	BN_CTX_free(ctx);
	EC_GROUP_free(group);
}

/* RFC 7518 section 3.4: leading zeros of r and s stay. */
static void test_3_4_signature_shortened(void **state)
{
	static const char input[] = "eyJhbGciOiJFUzI1NiJ9.eyJleHAiOjE3MDAwMDA2MDB9";
	uint8_t rs[64], xy[64], cut[62];
	struct cek_jwe_error error;
	cek_jwt_keys *keys = NULL;
	char *x, *y, *jwk, *token;

	(void)state;
	small_signature(input, rs, xy);
	x = b64u_text(xy, 32);
	y = b64u_text(xy + 32, 32);
	assert_true(asprintf(&jwk, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}", x, y) > 0);
	assert_int_equal(cek_jwt_keys_parse(jwk, strlen(jwk), &keys, &error), CEK_JWE_OK);
	assert_true(asprintf(&token, "%s.", input) > 0);
	signature(keys, token, rs, sizeof(rs), CEK_JWE_OK);
	memcpy(cut, rs + 1, 31);
	memcpy(cut + 31, rs + 33, 31);
	signature(keys, token, cut, sizeof(cut), CEK_JWE_FAILED);
	free(x);
	free(y);
	free(jwk);
	free(token);
	cek_jwt_keys_free(keys);
}

/* What OpenSSL itself makes, DER, is no signature of a JWS. */
static void test_3_4_signature_der(void **state)
{
	static const char input[] = "eyJhbGciOiJFUzI1NiJ9.eyJleHAiOjE3MDAwMDA2MDB9";
	cek_jwt_keys *keys = keys_of("ES256", "");
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = 100;
	uint8_t der[100];
	char *token;

	(void)state;
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, jwt_key("ES256", 0)), 1);
	assert_int_equal(EVP_DigestSign(ctx, der, &len, (const uint8_t *)input, strlen(input)), 1);
	EVP_MD_CTX_free(ctx);
	assert_true(asprintf(&token, "%s.", input) > 0);
	signature(keys, token, der, len, CEK_JWE_FAILED);
	free(token);
	cek_jwt_keys_free(keys);
}

/* A point that is not on its curve is no key, nor is one of a curve that does not go with an algorithm. */
static void test_3_4_keys(void **state)
{
	char *jwk = jwt_jwk(jwt_key("ES256", 0), ""), *y = strstr(jwk, "\"y\":\"") + 5;
	struct cek_jwe_error error;
	cek_jwt_keys *keys = NULL;

	(void)state;
	y[4] = y[4] == 'A' ? 'B' : 'A';
	assert_int_equal(cek_jwt_keys_parse(jwk, strlen(jwk), &keys, &error), CEK_JWE_MALFORMED);
	assert_string_equal(error.details, "key 1: x and y: not a point on the curve");
	free(jwk);
	jwk = jwt_jwk(jwt_key("ES256K", 0), "");
	assert_int_equal(cek_jwt_keys_parse(jwk, strlen(jwk), &keys, &error), CEK_JWE_MALFORMED);
	assert_string_equal(error.details, "key 1: kty, crv or size: not one that is known");
	free(jwk);
	assert_null(keys);
}

/* Section 2.2, weak keys: no secret of few bits is ever a key here; RSA has 2048 to 4096. */
static void test_3_5_key_strength(void **state)
{
	static const char secret[] = "{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}";
	static const unsigned bits[] = {1024, 2040, 4104};
	struct cek_jwe_error error;
	cek_jwt_keys *keys = NULL;

	(void)state;
	assert_int_equal(cek_jwt_keys_parse(secret, strlen(secret), &keys, &error), CEK_JWE_MALFORMED);
	assert_string_equal(error.details, "key 1: holds a private key");
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		uint8_t n[520];
		char *text, *jwk;

		memset(n, 0xff, sizeof(n));
		text = b64u_text(n, bits[i] / 8);
		assert_true(asprintf(&jwk, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"}", text) > 0);
		assert_int_equal(cek_jwt_keys_parse(jwk, strlen(jwk), &keys, &error), CEK_JWE_MALFORMED);
		assert_string_equal(error.details, "key 1: kty, crv or size: not one that is known");
		free(text);
		free(jwk);
	}
	assert_null(keys);
}

static void octets(const char *head, size_t head_len, const char *payload, size_t payload_len, int code,
	const char *details)
{
	cek_jwt_keys *keys = keys_of("ES256", "");
	char *token = jwt_sign_octets(jwt_key("ES256", 0), "ES256", head, head_len, payload, payload_len);

	expect_token(keys, &policy, token, code, details, NULL);
	free(token);
	cek_jwt_keys_free(keys);
}

#define OCTETS(text) (text), sizeof(text) - 1

/* Sections 2.6 and 3.7: UTF-8 and nothing else, strictly; no byte order mark, no UTF-16, no NUL. */
static void test_3_7_utf8(void **state)
{
	static const char utf16[] = "\xfe\xff\0{\0\"\0a\0\"\0:\0\x31\0}";

	(void)state;
	octets(OCTETS(good_header), OCTETS("{\"exp\":1700000600,\"n\":\"Zo\xc3\xab \xf0\x9f\x94\x91\"}"), CEK_JWE_OK,
		"");
	octets(OCTETS(good_header), OCTETS("{\"exp\":1700000600,\"n\":\"Zo\xeb\"}"), CEK_JWE_MALFORMED, "payload");
	octets(OCTETS(good_header), OCTETS("{\"exp\":1700000600,\"n\":\"\xc0\xaf\"}"), CEK_JWE_MALFORMED, "payload");
	octets(OCTETS(good_header), OCTETS("{\"exp\":1700000600,\"n\":\"\xed\xa0\x80\"}"), CEK_JWE_MALFORMED,
		"payload");
	octets(OCTETS(good_header), OCTETS("{\"exp\":1700000600,\"n\":\"\\ud800\"}"), CEK_JWE_MALFORMED, "surrogate");
	octets(OCTETS(good_header), OCTETS("{\"exp\":1700000600,\"n\\udfff\":1}"), CEK_JWE_MALFORMED, "surrogate");
	octets(OCTETS(good_header), OCTETS("{\"exp\":1700000600,\"n\":\"\\uffff\"}"), CEK_JWE_MALFORMED, "U+FFFF");
	octets(OCTETS(good_header), OCTETS("{\"exp\":1700000600,\"n\":\"a\\u0000b\"}"), CEK_JWE_MALFORMED, "NUL");
	octets(OCTETS(good_header), OCTETS("{\"exp\":1700000600,\"sub\\u0000\":\"b\"}"), CEK_JWE_MALFORMED, "NUL");
	octets(OCTETS(good_header), OCTETS("{\"exp\":1700000600,\"n\":\"a\0b\"}"), CEK_JWE_MALFORMED, "payload");
	octets(OCTETS(good_header), OCTETS("{\"exp\":1700000600}\0"), CEK_JWE_MALFORMED, "payload");
	octets(OCTETS(good_header), OCTETS("\xef\xbb\xbf{\"exp\":1700000600}"), CEK_JWE_MALFORMED, "payload");
	octets(OCTETS(good_header), OCTETS(utf16), CEK_JWE_MALFORMED, "payload");
	octets(OCTETS("{\"alg\":\"ES256\",\"kid\":\"a\\u0000b\"}"), OCTETS(CLAIMS), CEK_JWE_MALFORMED, "header: NUL");
	octets(OCTETS("{\"alg\":\"ES256\",\"kid\":\"\xff\"}"), OCTETS(CLAIMS), CEK_JWE_MALFORMED, "header");
	octets(OCTETS("{\"alg\":\"ES256\"}\0"), OCTETS(CLAIMS), CEK_JWE_MALFORMED, "header");
}

/* Section 2.6: a name there twice means one thing to one reader and another to the next; also within a value, and when
 * it is written otherwise. */
static void test_2_6_duplicates(void **state)
{
	(void)state;
	header("{\"alg\":\"ES256\",\"alg\":\"ES256\"}", CEK_JWE_MALFORMED,
		"header: not a JSON object, or a member twice");
	header("{\"alg\":\"none\",\"\\u0061lg\":\"ES256\"}", CEK_JWE_MALFORMED, "a member twice");
	header("{\"alg\":\"ES256\",\"x\":{\"a\":1,\"a\":2}}", CEK_JWE_MALFORMED, "a member twice");
	expect_claims(&policy, "{\"exp\":1,\"exp\":1700000600}", CEK_JWE_MALFORMED,
		"payload: not a JSON object, or a member");
	expect_claims(&policy, "{\"exp\":1700000600,\"sub\":\"a\",\"s\\u0075b\":\"b\"}", CEK_JWE_MALFORMED,
		"a member twice");
	expect_claims(&policy, "{\"exp\":1700000600,\"x\":[{\"a\":1,\"a\":1}]}", CEK_JWE_MALFORMED, "a member twice");
}

static void test_2_6_json(void **state)
{
	static const char *const others[] = {"", " ", "[]", "\"a\"", "7", "null", "{", "{}}", "{}{}",
		"{\"exp\":1700000600,}", "{'exp':1700000600}", "{exp:1700000600}", "{\"exp\":01700000600}",
		"{\"exp\":+1}", "{\"exp\":1.}", "{\"exp\":.5}", "{\"exp\":1e}", "{\"exp\":NaN}", "{\"exp\":Infinity}",
		"{\"exp\":0x1}", "{\"exp\":1700000600/**/}", "{\"exp\":1700000600,\"a\":\"\n\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		expect_claims(&policy, others[i], CEK_JWE_MALFORMED, "payload: not a JSON object");
		header(others[i], CEK_JWE_MALFORMED, "header: not a JSON object");
	}
	expect_claims(&policy, " {\"exp\" :\t1700000600\r\n}\n", CEK_JWE_OK, "");
}

/* RFC 7515 section 5.2 asks for this encoding and RFC 4648 sections 3.3 and 3.5 for this strictness: one token, one
 * text. */
static void test_2_6_base64url(void **state)
{
	cek_jwt_keys *keys = keys_of("ES256", "");
	char *token = jwt_sign(jwt_key("ES256", 0), "ES256", "{\"alg\":\"ES256\"} ", CLAIMS); /* with an unused end */
	static const char *const inserted[] = {" ", "\n", "=", "==", "+", "/", "%3D", "\t", "\r\n", "*"};
	size_t ends[3] = {(size_t)(strchr(token, '.') - token), (size_t)(strrchr(token, '.') - token), strlen(token)};

	(void)state;
	expect_token(keys, &policy, token, CEK_JWE_OK, "", NULL);
	for (size_t i = 0; i < sizeof(inserted) / sizeof(inserted[0]); i++)
		for (size_t k = 0; k < 3; k++) {
			char *text;

			assert_true(asprintf(&text, "%.*s%s%s", (int)ends[k], token, inserted[i], token + ends[k]) > 0);
			if (k == 1) /* what was signed is another text then */
				expect_token(keys, &policy, text, CEK_JWE_FAILED, "", NULL);
			else
				expect_token(keys, &policy, text, CEK_JWE_MALFORMED, "base64url", NULL);
			free(text);
		}
	assert_int_equal((ends[2] - ends[1] - 1) % 4, 2); /* 64 octets: four bits are left over, all zero */
	token[ends[2] - 1]++;
	expect_token(keys, &policy, token, CEK_JWE_MALFORMED, "signature: not base64url", NULL);
	free(token);
	cek_jwt_keys_free(keys);
}

/* Section 3.8: the issuer, and the keys that are its own. */
static void test_3_8_issuer(void **state)
{
	static const char *const issuers[] = {"https://issuer.example", NULL};
	struct cek_jwt_policy own = policy;

	(void)state;
	own.issuers = issuers;
	expect_claims(&own, "{\"exp\":1700000600,\"iss\":\"https://issuer.example\"}", CEK_JWE_OK, "");
	expect_claims(&own, "{\"exp\":1700000600,\"iss\":\"https://other.example\"}", CEK_JWT_CLAIM, "iss");
	expect_claims(&own, CLAIMS, CEK_JWT_CLAIM, "iss: missing");
	expect(&own, "ES256", "{\"alg\":\"ES256\",\"iss\":\"https://issuer.example\"}", CLAIMS, CEK_JWT_CLAIM,
		"iss: missing");
}

/* Sections 2.7 and 3.9: a token for somebody else. */
static void test_3_9_audience(void **state)
{
	static const char *const audiences[] = {"https://api.example", NULL};
	struct cek_jwt_policy own = policy;

	(void)state;
	own.audiences = audiences;
	expect_claims(&own, "{\"exp\":1700000600,\"aud\":\"https://api.example\"}", CEK_JWE_OK, "");
	expect_claims(&own, "{\"exp\":1700000600,\"aud\":[\"x\",\"https://api.example\"]}", CEK_JWE_OK, "");
	expect_claims(&own, "{\"exp\":1700000600,\"aud\":\"https://other.example\"}", CEK_JWT_CLAIM, "aud");
	expect_claims(&own, CLAIMS, CEK_JWT_CLAIM, "aud: missing");
}

/* Sections 2.9 and 3.10: no key comes out of a token, whatever it offers; a kid is compared and nothing else. */
static void test_3_10_keys_in_the_token(void **state)
{
	char *jwk = jwt_jwk(jwt_key("ES384", 0), ""), *text, *token;
	cek_jwt_keys *keys = keys_of("ES256", "\"kid\":\"a\",");

	(void)state;
	assert_true(asprintf(&text, "{\"alg\":\"ES384\",\"jwk\":%s}", jwk) > 0);
	token = jwt_sign(jwt_key("ES384", 0), "ES384", text, CLAIMS);
	expect_token(keys, &policy, token, CEK_JWE_NO_KEY, "no key for this alg", NULL);
	free(token);
	free(text);
	free(jwk);
	token = jwt_sign(jwt_key("ES256", 0), "ES256",
		"{\"alg\":\"ES256\",\"kid\":\"a\",\"jku\":\"http://127.0.0.1:1/\",\"x5u\":7,\"x5c\":[1],\"x5t\":{},"
		"\"jwk\":\"x\",\"x5t#S256\":null}",
		CLAIMS);
	expect_token(keys, &policy, token, CEK_JWE_OK, "", NULL);
	free(token);
	cek_jwt_keys_free(keys);
}

static void kid(const cek_jwt_keys *keys, const char *value, int code, const char *details)
{
	char text[512], *token;

	(void)snprintf(text, sizeof(text), "{\"alg\":\"ES256\",\"kid\":%s}", value);
	token = jwt_sign(jwt_key("ES256", 0), "ES256", text, CLAIMS);
	expect_token(keys, &policy, token, code, details, NULL);
	free(token);
}

static void test_3_10_kid(void **state)
{
	cek_jwt_keys *named = keys_of("ES256", "\"kid\":\"a\","), *nameless = keys_of("ES256", "");

	(void)state;
	kid(named, "\"a\"", CEK_JWE_OK, "");
	kid(named, "\"\\u0061\"", CEK_JWE_OK, "");
	kid(named, "\"A\"", CEK_JWE_NO_KEY, "kid: names no key");
	kid(named, "\"a \"", CEK_JWE_NO_KEY, "kid: names no key");
	kid(named, "\"../../dev/null\"", CEK_JWE_NO_KEY, "kid: names no key");
	kid(named, "\"a' or 1=1--\"", CEK_JWE_NO_KEY, "kid: names no key");
	kid(named, "\"\"", CEK_JWE_MALFORMED, "kid: not a string, or empty");
	kid(named, "null", CEK_JWE_MALFORMED, "kid: not a string, or empty");
	kid(named, "7", CEK_JWE_MALFORMED, "kid: not a string, or empty");
	kid(named, "{\"a\":1}", CEK_JWE_MALFORMED, "kid: not a string, or empty");
	kid(nameless, "\"a\"", CEK_JWE_NO_KEY, "kid: names no key");
	cek_jwt_keys_free(named);
	cek_jwt_keys_free(nameless);
}

/* Explicit typing, by RFC 7515 section 4.1.9. */
static void test_3_11_typ(void **state)
{
	static const char *const types[] = {"at+jwt", "application/x/y", NULL};
	static const struct {
		const char *header;
		int code;
	} rows[] = {
		{"{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", CEK_JWE_OK},
		{"{\"alg\":\"ES256\",\"typ\":\"AT+JWT\"}", CEK_JWE_OK},
		{"{\"alg\":\"ES256\",\"typ\":\"application/at+jwt\"}", CEK_JWE_OK},
		{"{\"alg\":\"ES256\",\"typ\":\"Application/At+Jwt\"}", CEK_JWE_OK},
		{"{\"alg\":\"ES256\",\"typ\":\"application/x/y\"}", CEK_JWE_OK},
		{"{\"alg\":\"ES256\",\"typ\":\"x/y\"}", CEK_JWE_POLICY},
		{"{\"alg\":\"ES256\",\"typ\":\"application/application/at+jwt\"}", CEK_JWE_POLICY},
		{"{\"alg\":\"ES256\",\"typ\":\"text/at+jwt\"}", CEK_JWE_POLICY},
		{"{\"alg\":\"ES256\",\"typ\":\"at+jwt \"}", CEK_JWE_POLICY},
		{"{\"alg\":\"ES256\",\"typ\":\"JWT\"}", CEK_JWE_POLICY},
		{"{\"alg\":\"ES256\"}", CEK_JWE_POLICY},
		{"{\"alg\":\"ES256\",\"typ\":\"\"}", CEK_JWE_MALFORMED},
		{"{\"alg\":\"ES256\",\"typ\":null}", CEK_JWE_MALFORMED},
		{"{\"alg\":\"ES256\",\"typ\":[\"at+jwt\"]}", CEK_JWE_MALFORMED},
	};
	struct cek_jwt_policy own = policy;

	(void)state;
	own.types = types;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&own, "ES256", rows[i].header, CLAIMS, rows[i].code, rows[i].code == CEK_JWE_OK ? "" : "typ");
	header("{\"alg\":\"ES256\",\"typ\":\"anything\"}", CEK_JWE_OK, "");
}

/* Section 2.8: the ID token of the same issuer and key is no access token, nor the reverse. */
static void test_3_12_kinds_of_tokens(void **state)
{
	static const char id_token[] =
		"{\"exp\":1700000600,\"iss\":\"i\",\"aud\":\"client\",\"sub\":\"s\",\"nonce\":\"n\"}";
	static const char access_token[] = "{\"exp\":1700000600,\"iss\":\"i\",\"aud\":\"api\",\"sub\":\"s\"}";
	static const char *const api[] = {"api", NULL}, *const client[] = {"client", NULL},
				 *const nonce[] = {"nonce", NULL};
	static const char *const at[] = {"at+jwt", NULL};
	struct cek_jwt_policy for_api = policy, for_client = policy;

	(void)state;
	for_api.audiences = api;
	for_api.types = at;
	for_client.audiences = client;
	for_client.required = nonce;
	expect(&for_api, "ES256", "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", access_token, CEK_JWE_OK, "");
	expect(&for_client, "ES256", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", id_token, CEK_JWE_OK, "");
	expect(&for_api, "ES256", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", id_token, CEK_JWE_POLICY, "typ");
	expect(&for_api, "ES256", "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", id_token, CEK_JWT_CLAIM, "aud");
	expect(&for_client, "ES256", "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", access_token, CEK_JWT_CLAIM, "aud");
}

/* RFC 7515 section 4.1.11, RFC 7797 section 7, RFC 7519 section 5.2: what changes the meaning of the rest. */
static void test_extensions(void **state)
{
	static const char *const crits[] = {"[\"exp\"]", "[]", "null", "\"exp\"", "[\"b64\"]", "[\"alg\"]", "{}"};
	static const char *const b64s[] = {"false", "true", "null", "\"false\""};
	static const char *const nested[] = {"JWT", "jwt", "application/jwt", "application/JWT"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(crits) / sizeof(crits[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"alg\":\"ES256\",\"exp\":1,\"b64\":true,\"crit\":%s}", crits[i]);
		header(text, CEK_JWE_POLICY, "header, crit: no extension is understood");
	}
	for (size_t i = 0; i < sizeof(b64s) / sizeof(b64s[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"alg\":\"ES256\",\"b64\":%s}", b64s[i]);
		header(text, CEK_JWE_POLICY, "header, b64: not in a JWT");
	}
	for (size_t i = 0; i < sizeof(nested) / sizeof(nested[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"alg\":\"ES256\",\"cty\":\"%s\"}", nested[i]);
		header(text, CEK_JWE_POLICY, "header, cty: a JWT within a JWT");
	}
	header("{\"alg\":\"ES256\",\"cty\":\"json\"}", CEK_JWE_OK, "");
	header("{\"alg\":\"ES256\",\"cty\":7}", CEK_JWE_MALFORMED, "cty");
}

/* ---- RFC 9068 ---------------------------------------------------------------------------------------------------- */

#define ACCESS                                                  \
	"\"iss\":\"https://issuer.example\",\"aud\":\"https://" \
	"api.example\",\"sub\":\"5ba552d67\",\"jti\":\"dbe39bf3\""
#define FULL "{" ACCESS ",\"client_id\":\"s6BhdRkqt3\",\"iat\":1699999000,\"exp\":1700000600,\"scope\":\"openid read\"}"
#define AT "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}"

static const struct cek_jwt_policy access_policy = {POLICY,
	.issuers = (const char *const[]){"https://issuer.example", NULL},
	.audiences = (const char *const[]){"https://api.example", NULL}, .types = (const char *const[]){"at+jwt", NULL},
	.required = (const char *const[]){"sub", "client_id", "iat", "jti", NULL},
	.scopes = (const char *const[]){"read", NULL}};

/* Section 4: typ, iss, aud, signature, exp, in the order of its list. */
static void test_9068_4_validation(void **state)
{
	static const char *const algs[] = {"RS256", "ES256", "EdDSA", NULL};
	struct cek_jwt_policy later = access_policy, other = access_policy;

	(void)state;
	later.now = 1700000600;
	other.issuers = (const char *const[]){"https://issuer.example/", NULL};
	for (size_t i = 0; algs[i]; i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "{\"alg\":\"%s\",\"typ\":\"application/at+jwt\"}", algs[i]);
		expect(&access_policy, algs[i], text, FULL, CEK_JWE_OK, "");
	}
	expect(&access_policy, "ES256", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", FULL, CEK_JWE_POLICY, "typ");
	expect(&other, "ES256", AT, FULL, CEK_JWT_CLAIM, "iss");
	other = access_policy;
	other.audiences = (const char *const[]){"https://other.example", NULL};
	expect(&other, "ES256", AT, FULL, CEK_JWT_CLAIM, "aud");
	expect(&access_policy, "none", "{\"alg\":\"none\",\"typ\":\"at+jwt\"}", FULL, CEK_JWE_POLICY, "alg");
	expect(&later, "ES256", AT, FULL, CEK_JWT_CLAIM, "exp: the token has expired");
}

/* Section 2.2: the claims that have to be there. */
static void test_9068_2_2_claims(void **state)
{
	static const char *const names[] = {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[512] = FULL, wanted[32], *at;

		(void)snprintf(wanted, sizeof(wanted), "\"%s\":", names[i]);
		at = strstr(text, wanted);
		assert_non_null(at);
		at[1] = '_'; /* another name */
		(void)snprintf(wanted, sizeof(wanted), "%s: missing", names[i]);
		expect(&access_policy, "ES256", AT, text, CEK_JWT_CLAIM, wanted);
	}
}

/* Section 2.2.3, and RFC 6750 section 3.1: insufficient_scope is an answer of its own. */
static void test_9068_2_2_3_scope(void **state)
{
	struct cek_jwt_policy own = access_policy;

	(void)state;
	own.scopes = (const char *const[]){"read", "write", NULL};
	expect(&own, "ES256", AT, FULL, CEK_JWT_SCOPE, "scope: write is missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_2_6_duplicates),
		cmocka_unit_test(test_2_6_json),
		cmocka_unit_test(test_2_6_base64url),
		cmocka_unit_test(test_3_1_list_of_the_caller),
		cmocka_unit_test(test_3_1_list_of_signatures),
		cmocka_unit_test(test_3_1_confusion),
		cmocka_unit_test(test_3_1_key_and_algorithm),
		cmocka_unit_test(test_3_2_no_signature),
		cmocka_unit_test(test_3_3_every_character),
		cmocka_unit_test(test_3_3_order),
		cmocka_unit_test(test_3_4_signature_values),
		cmocka_unit_test(test_3_4_signature_length),
		cmocka_unit_test(test_3_4_signature_shortened),
		cmocka_unit_test(test_3_4_signature_der),
		cmocka_unit_test(test_3_4_keys),
		cmocka_unit_test(test_3_5_key_strength),
		cmocka_unit_test(test_3_7_utf8),
		cmocka_unit_test(test_3_8_issuer),
		cmocka_unit_test(test_3_9_audience),
		cmocka_unit_test(test_3_10_keys_in_the_token),
		cmocka_unit_test(test_3_10_kid),
		cmocka_unit_test(test_3_11_typ),
		cmocka_unit_test(test_3_12_kinds_of_tokens),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_9068_4_validation),
		cmocka_unit_test(test_9068_2_2_claims),
		cmocka_unit_test(test_9068_2_2_3_scope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
