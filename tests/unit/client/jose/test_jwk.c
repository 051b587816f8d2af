/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/jose/jwk.h"
#include "tests/unit/client/jose/vectors.h"

/* RFC 7517 appendix A.1, the point of RFC 7518 appendix C. */
#define X "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ"
#define Y "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"

static void check(const char *text, enum jwk_result want)
{
	json_t *json = json_loads(text, 0, NULL);
	struct cek_jwk jwk = {.kid = "untouched"};
	uint8_t *octets = NULL;
	const char *why = NULL;
	enum jwk_result got;

	assert_non_null(json);
	got = jwk_from_json(json, &jwk, &octets, &why);
	if (got != want)
		fail_msg("%s: %d, %s", text, (int)got, why);
	if (got == JWK_OK)
		free(octets);
	else
		assert_string_equal(jwk.kid, "untouched");
	if (got == JWK_MALFORMED)
		assert_non_null(why);
	json_decref(json);
}

static void test_ec(void **state)
{
	(void)state;
	check("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y "\"}", JWK_OK);
	check("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y
	      "\",\"alg\":\"ECDH-ES+A128KW\",\"kid\":\"1\"}",
		JWK_OK);
	check("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" X "\"}",
		JWK_MALFORMED); /* not on the curve */
	check("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\"}", JWK_MALFORMED);
	check("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA" X "\",\"y\":\"" Y "\"}", JWK_MALFORMED);
	check("{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" X "\",\"y\":\"" Y "\"}", JWK_MALFORMED);
	check("{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" X "\",\"y\":\"" Y "\"}", JWK_IGNORED);
	check("{\"kty\":\"EC\",\"crv\":\"X25519\",\"x\":\"" X "\"}", JWK_MALFORMED);
	check("{\"kty\":\"EC\",\"x\":\"" X "\",\"y\":\"" Y "\"}", JWK_MALFORMED);
	check("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X "\"}", JWK_OK);
	check("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X "\",\"alg\":\"ECDH-ES\"}", JWK_OK);
	check("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" X "\"}", JWK_IGNORED);
}

static void test_private(void **state)
{
	(void)state;
	check("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y "\",\"d\":\"AA\"}", JWK_MALFORMED);
	check("{\"kty\":\"oct\",\"k\":\"AA\"}", JWK_MALFORMED);
	check("{\"kty\":\"oct\"}", JWK_IGNORED);
}

static void test_purpose(void **state)
{
#define KEY "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X "\""
	(void)state;
	check(KEY ",\"use\":\"enc\"}", JWK_OK);
	check(KEY ",\"use\":\"sig\"}", JWK_IGNORED);
	check(KEY ",\"key_ops\":[\"verify\"]}", JWK_IGNORED);
	check(KEY ",\"key_ops\":[]}", JWK_IGNORED);
	check(KEY ",\"key_ops\":[\"verify\",\"deriveKey\"]}", JWK_OK);
	check(KEY ",\"alg\":\"RS256\"}", JWK_IGNORED);
	check(KEY ",\"alg\":\"RSA-OAEP\"}", JWK_MALFORMED);
	check(KEY ",\"alg\":\"A256KW\"}", JWK_MALFORMED);
	check(KEY ",\"kid\":7}", JWK_MALFORMED);
	check(KEY ",\"alg\":7}", JWK_MALFORMED);
	check(KEY ",\"use\":[\"enc\"]}", JWK_MALFORMED);
	check(KEY ",\"use\":null}", JWK_MALFORMED);
	check(KEY ",\"key_ops\":\"deriveKey\"}", JWK_MALFORMED);
	check(KEY ",\"kid\":\"\"}", JWK_MALFORMED);
	check(KEY ",\"unknown\":[1,2]}", JWK_OK);
	check("{\"kid\":\"1\"}", JWK_MALFORMED);
	check("{\"kty\":\"EC2\"}", JWK_IGNORED);
}

/* A modulus of that many bits, all ones. */
static void check_rsa(unsigned bits, const char *e, enum jwk_result want)
{
	uint8_t octets[600];
	struct cek_public_key key = {.kty = "RSA", .n = {octets, (bits + 7) / 8}};
	char text[1200];
	json_t *json;

	memset(octets, 0xff, sizeof(octets));
	if (bits % 8)
		octets[0] = (uint8_t)(0xff >> (8 - bits % 8));
	json = jwk_to_json(&key);
	(void)snprintf(text, sizeof(text), "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}",
		json_string_value(json_object_get(json, "n")), e);
	json_decref(json);
	check(text, want);
}

static void test_rsa(void **state)
{
	(void)state;
	check_rsa(2047, "AQAB", JWK_IGNORED);
	check_rsa(2048, "AQAB", JWK_OK);
	check_rsa(4096, "AQAB", JWK_OK);
	check_rsa(4097, "AQAB", JWK_IGNORED);
	check_rsa(4800, "AQAB", JWK_IGNORED);
	check_rsa(2048, "Aw", JWK_OK);
	check_rsa(2048, "AQ", JWK_MALFORMED);
	check_rsa(2048, "AQAA", JWK_MALFORMED);
	check_rsa(2048, "AAEAAQ", JWK_MALFORMED);
	check_rsa(2048, "", JWK_MALFORMED);
	check("{\"kty\":\"RSA\",\"e\":\"AQAB\"}", JWK_MALFORMED);
}

static void test_thumbprint(void **state)
{
	json_t *json = vectors_load("rfc/rfc7638_3.1.json");
	char thumbprint[CEK_JWE_THUMBPRINT_SIZE] = "untouched";
	struct cek_public_key none = {.kty = "oct"};
	uint8_t *octets = NULL;
	const char *why;
	struct cek_jwk jwk;

	(void)state;
	assert_int_equal(cek_jwk_thumbprint(&none, thumbprint), CEK_JWE_MALFORMED);
	assert_string_equal(thumbprint, "untouched");
	assert_int_equal(jwk_from_json(json_object_get(json, "jwk"), &jwk, &octets, &why), JWK_OK);
	assert_int_equal(cek_jwk_thumbprint(&jwk.public_key, thumbprint), CEK_JWE_OK);
	assert_string_equal(thumbprint, json_string_value(json_object_get(json, "thumbprint_sha256")));
	free(octets);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ec),
		cmocka_unit_test(test_private),
		cmocka_unit_test(test_purpose),
		cmocka_unit_test(test_rsa),
		cmocka_unit_test(test_thumbprint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
