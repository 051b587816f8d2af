/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/jose/header.h"

static const char *const algs[] = {"RSA-OAEP-256", "A256KW", "A256GCMKW", "ECDH-ES", NULL};
static const char *const encs[] = {"A256GCM", "A128CBC-HS256", NULL};
static const struct cek_jwe_policy policy = {.algs = algs, .encs = encs};

static struct jwe_header header;
static struct cek_jwe_error error;

static int parse(const char *text)
{
	error = (struct cek_jwe_error){0};
	return header_init(&header, text, strlen(text), &policy, &error);
}

static void check(const char *text, int code, const char *details)
{
	int got = parse(text);

	if (got == CEK_JWE_OK)
		header_deinit(&header);
	if (got != code)
		fail_msg("%s: code %d, %s", text, got, error.details);
	if (code != CEK_JWE_OK) {
		assert_int_equal(error.code, code);
		if (!strstr(error.details, details))
			fail_msg("%s: %s, not %s", text, error.details, details);
	}
}

static void test_members(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"kid\":\"k1\",\"typ\":\"JWT\",\"cty\":"
			       "\"JWT\"}"),
		CEK_JWE_OK);
	assert_string_equal(header.alg->name, "A256KW");
	assert_string_equal(header.enc->name, "A256GCM");
	assert_string_equal(header.kid, "k1");
	assert_string_equal(header.typ, "JWT");
	assert_string_equal(header.cty, "JWT");
	assert_false(header.zip);
	assert_null(header.params.epk.kty);
	header_deinit(&header);
	assert_int_equal(parse("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\"}"), CEK_JWE_OK);
	assert_null(header.kid);
	assert_null(header.cty);
	header_deinit(&header);
}

static void test_json(void **state)
{
	(void)state;
	check("", CEK_JWE_MALFORMED, "JSON");
	check("[]", CEK_JWE_MALFORMED, "JSON");
	check("\"alg\"", CEK_JWE_MALFORMED, "JSON");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\"} ", CEK_JWE_OK, "");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\"}x", CEK_JWE_MALFORMED, "JSON");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\"", CEK_JWE_MALFORMED, "JSON");
	check("{\"alg\":\"A256KW\",\"alg\":\"A256KW\",\"enc\":\"A256GCM\"}", CEK_JWE_MALFORMED, "twice");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"x\":{\"a\":1,\"a\":2}}", CEK_JWE_MALFORMED, "twice");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"kid\":\"a\\u0000b\"}", CEK_JWE_MALFORMED, "JSON");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"kid\":\"\xff\"}", CEK_JWE_MALFORMED, "JSON");
}

/* No member that counts is a number: others may be of any size, wherever they stand. One that counts is none. */
static void test_numbers(void **state)
{
	static const char *const numbers[] = {"18446744073709551616", "-9223372036854775809", "1e400", "-1.5E+400",
		"1e-400", "[1,[2e999]]", "{\"a\":{\"b\":1e999}}"};
	char text[512];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(text, sizeof(text), "{\"alg\":\"A256KW\",\"exp\":%s,\"enc\":\"A256GCM\"}", numbers[i]);
		check(text, CEK_JWE_OK, "");
		snprintf(text, sizeof(text),
			"{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"epk\":{\"kty\":\"OKP\",\"crv\":"
			"\"X25519\",\"ext\":%s,\"x\":\"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo\"}}",
			numbers[i]);
		check(text, CEK_JWE_OK, "");
		snprintf(text, sizeof(text), "{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"kid\":%s}", numbers[i]);
		check(text, CEK_JWE_MALFORMED, "kid: not a string");
		snprintf(text, sizeof(text), "{\"alg\":%s,\"enc\":\"A256GCM\"}", numbers[i]);
		check(text, CEK_JWE_MALFORMED, "alg: not a string");
		snprintf(text, sizeof(text), "{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"a\":%s,\"a\":1}", numbers[i]);
		check(text, CEK_JWE_MALFORMED, "twice");
	}
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"a\":01e400}", CEK_JWE_MALFORMED, "JSON");
}

/* jansson recurses; 8 levels are more than any header needs. */
static void test_depth(void **state)
{
	(void)state;
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"x\":[[[[[[[]]]]]]]}", CEK_JWE_OK, "");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"x\":[[[[[[[[]]]]]]]]}", CEK_JWE_MALFORMED, "deep");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"x\":\"[[[[[[[[[[{{\\\"[[\"}", CEK_JWE_OK, "");
}

static void test_alg(void **state)
{
	static const char *const refused[] = {"RSA1_5", "dir", "none", "HS256", "RS256", "ES512", "EdDSA",
		"PBES2-HS512+A256KW"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"alg\":\"%s\",\"enc\":\"A256GCM\"}", refused[i]);
		check(text, CEK_JWE_POLICY, "header, alg: ");
		assert_string_equal(error.details + strlen("header, alg: "), alg_refusal(refused[i]));
	}
	check("{\"enc\":\"A256GCM\"}", CEK_JWE_MALFORMED, "alg: missing");
	check("{\"alg\":1,\"enc\":\"A256GCM\"}", CEK_JWE_MALFORMED, "alg: not a string");
	check("{\"alg\":\"\",\"enc\":\"A256GCM\"}", CEK_JWE_MALFORMED, "alg: empty");
	check("{\"alg\":\"A256Kw\",\"enc\":\"A256GCM\"}", CEK_JWE_POLICY, "alg: not one that cekd knows");
	check("{\"alg\":\"A256KW \",\"enc\":\"A256GCM\"}", CEK_JWE_POLICY, "alg: not one that cekd knows");
	check("{\"alg\":\"A128KW\",\"enc\":\"A256GCM\"}", CEK_JWE_POLICY, "alg: not in the caller's list");
}

static void test_enc(void **state)
{
	(void)state;
	check("{\"alg\":\"A256KW\"}", CEK_JWE_MALFORMED, "enc: missing");
	check("{\"alg\":\"A256KW\",\"enc\":[]}", CEK_JWE_MALFORMED, "enc: not a string");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256KW\"}", CEK_JWE_POLICY, "enc: not one that cekd knows");
	check("{\"alg\":\"A256KW\",\"enc\":\"A128GCM\"}", CEK_JWE_POLICY, "enc: not in the caller's list");
}

static void test_zip_and_crit(void **state)
{
	static const char zip[] = "{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"zip\":\"DEF\"}";
	struct cek_jwe_policy lax = policy;

	(void)state;
	check(zip, CEK_JWE_POLICY, "zip: not allowed");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"zip\":\"GZ\"}", CEK_JWE_POLICY, "zip: not DEF");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"zip\":true}", CEK_JWE_MALFORMED, "zip");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"crit\":[\"exp\"],\"exp\":1}", CEK_JWE_POLICY, "crit");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"crit\":[]}", CEK_JWE_POLICY, "crit");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"crit\":null}", CEK_JWE_POLICY, "crit");
	lax.allow_zip = true;
	assert_int_equal(header_init(&header, zip, strlen(zip), &lax, NULL), CEK_JWE_OK);
	assert_true(header.zip);
	header_deinit(&header);
}

static void check_name(const char *member, size_t len, int code)
{
	char text[512], value[300];

	memset(value, 'n', len);
	value[len] = '\0';
	(void)snprintf(text, sizeof(text), "{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"%s\":\"%s\"}", member, value);
	check(text, code, member);
}

static void test_name_limits(void **state)
{
	static const char *const members[] = {"kid", "typ", "cty"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		check_name(members[i], 0, CEK_JWE_MALFORMED);
		check_name(members[i], 256, CEK_JWE_OK);
		check_name(members[i], 257, CEK_JWE_MALFORMED);
	}
}

/* No key is taken from a token, whatever it offers. */
static void test_ignored(void **state)
{
	(void)state;
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"jwk\":{\"kty\":\"oct\"},\"jku\":\"https://example.com\","
	      "\"x5u\":7,\"x5c\":[],\"x5t\":\"\",\"epk\":9,\"iv\":9,\"tag\":9,\"apu\":9,\"p2c\":1e9}",
		CEK_JWE_OK, "");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"exp\":9223372036854775808,\"iat\":-1e999}", CEK_JWE_OK, "");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"exp\":1e999.0}", CEK_JWE_MALFORMED, "JSON");
	check("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"exp\":1e999,\"kid\":\"a\\u0000b\"}", CEK_JWE_MALFORMED,
		"JSON");
	check("{\"alg\":\"A256KW\",\"enc\":1e999}", CEK_JWE_MALFORMED, "enc");
}

#define X32 "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"
#define X31 "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw"
#define X33 "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAh"

static void check_epk(const char *epk, int code, const char *details)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"epk\":%s}", epk);
	check(text, code, details);
}

static void test_epk(void **state)
{
	(void)state;
	check("{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\"}", CEK_JWE_MALFORMED, "epk: missing");
	check_epk("\"x\"", CEK_JWE_MALFORMED, "epk: missing or not an object");
	check_epk("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X32 "\",\"y\":\"" X32 "\"}", CEK_JWE_OK, "");
	check_epk("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X32 "\",\"y\":\"" X32 "\",\"d\":\"AA\"}",
		CEK_JWE_MALFORMED, "private");
	check_epk("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X32 "\"}", CEK_JWE_MALFORMED, "y");
	check_epk("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X31 "\",\"y\":\"" X32 "\"}", CEK_JWE_MALFORMED, "x");
	check_epk("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X32 "\",\"y\":\"" X33 "\"}", CEK_JWE_MALFORMED, "y");
	check_epk("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X32 "=\",\"y\":\"" X32 "\"}", CEK_JWE_MALFORMED, "x");
	check_epk("{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" X32 "\",\"y\":\"" X32 "\"}", CEK_JWE_MALFORMED, "x");
	check_epk("{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" X32 "\",\"y\":\"" X32 "\"}", CEK_JWE_POLICY,
		"curve");
	check_epk("{\"kty\":\"OKP\",\"crv\":\"P-256\",\"x\":\"" X32 "\"}", CEK_JWE_MALFORMED, "fit");
	check_epk("{\"kty\":\"EC\",\"x\":\"" X32 "\",\"y\":\"" X32 "\"}", CEK_JWE_MALFORMED, "crv");
	check_epk("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X32 "\"}", CEK_JWE_OK, "");
	check_epk("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X33 "\"}", CEK_JWE_MALFORMED, "x");
	check_epk("{\"kty\":\"OKP\",\"crv\":\"X448\",\"x\":\"" X32 "\"}", CEK_JWE_POLICY, "curve");
}

static void check_apu(size_t chars, int code)
{
	char text[1024], apu[700];

	memset(apu, 'A', chars);
	apu[chars] = '\0';
	(void)snprintf(text, sizeof(text),
		"{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"epk\":{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X32
		"\"},\"apu\":\"%s\"}",
		apu);
	check(text, code, "apu");
}

static void test_party_info(void **state)
{
	(void)state;
	check_apu(0, CEK_JWE_OK);
	check_apu(1, CEK_JWE_MALFORMED);
	check_apu(683, CEK_JWE_OK); /* 512 octets */
	check_apu(684, CEK_JWE_MALFORMED);
	assert_int_equal(parse("{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"epk\":{\"kty\":\"OKP\",\"crv\":\"X25519\","
			       "\"x\":\"" X32 "\"},\"apu\":\"QWxpY2U\",\"apv\":\"Qm9i\"}"),
		CEK_JWE_OK);
	assert_int_equal(header.params.apu.len, 5);
	assert_memory_equal(header.params.apu.data, "Alice", 5);
	assert_memory_equal(header.params.apv.data, "Bob", 3);
	assert_string_equal(header.params.epk.crv, "X25519");
	assert_int_equal(header.params.epk.x.len, 32);
	assert_int_equal(header.params.epk.y.len, 0);
	header_deinit(&header);
}

static void test_gcmkw(void **state)
{
	(void)state;
	check("{\"alg\":\"A256GCMKW\",\"enc\":\"A256GCM\",\"iv\":\"AAAAAAAAAAAAAAAA\",\"tag\":"
	      "\"AAAAAAAAAAAAAAAAAAAAAA\"}",
		CEK_JWE_OK, "");
	check("{\"alg\":\"A256GCMKW\",\"enc\":\"A256GCM\",\"tag\":\"AAAAAAAAAAAAAAAAAAAAAA\"}", CEK_JWE_MALFORMED,
		"iv");
	check("{\"alg\":\"A256GCMKW\",\"enc\":\"A256GCM\",\"iv\":\"AAAAAAAAAAAAAAAA\"}", CEK_JWE_MALFORMED, "tag");
	check("{\"alg\":\"A256GCMKW\",\"enc\":\"A256GCM\",\"iv\":\"AAAAAAAAAAAAAAAAAA\",\"tag\":"
	      "\"AAAAAAAAAAAAAAAAAAAAAA\"}",
		CEK_JWE_MALFORMED, "iv");
	check("{\"alg\":\"A256GCMKW\",\"enc\":\"A256GCM\",\"iv\":\"AAAAAAAAAAAAAAAA\",\"tag\":\"AAAAAA\"}",
		CEK_JWE_MALFORMED, "tag");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_alg),
		cmocka_unit_test(test_enc),
		cmocka_unit_test(test_zip_and_crit),
		cmocka_unit_test(test_name_limits),
		cmocka_unit_test(test_ignored),
		cmocka_unit_test(test_epk),
		cmocka_unit_test(test_party_info),
		cmocka_unit_test(test_gcmkw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
