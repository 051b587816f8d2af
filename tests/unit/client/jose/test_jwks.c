/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/jose/cek-jose.h"
#include "proto/cek.pb-c.h"
#include "tests/unit/client/jose/stub_cek.h"

#define X "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ"
#define OKP(kid) "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X "\",\"alg\":\"ECDH-ES\",\"kid\":\"" kid "\"}"

#define SHORT "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}"
#define PART "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X "\","

static int parse(const char *text, cek_jwks **ret_jwks, struct cek_jwe_error *error)
{
	return cek_jwks_parse(text, strlen(text), ret_jwks, error);
}

static void test_parse(void **state)
{
	cek_jwks *jwks = NULL;
	struct cek_jwe_error error;

	(void)state;
	assert_int_equal(parse("{\"keys\":[" OKP("a") ",{\"kty\":\"new\"}," OKP("b") "," OKP("a") "]}", &jwks, &error),
		CEK_JWE_OK);
	assert_int_equal(error.code, CEK_JWE_OK);
	assert_int_equal(cek_jwks_count(jwks), 3);
	assert_string_equal(cek_jwks_get(jwks, 1)->kid, "b");
	assert_string_equal(cek_jwks_get(jwks, 1)->alg, "ECDH-ES");
	assert_null(cek_jwks_get(jwks, 1)->key);
	assert_false(cek_jwks_get(jwks, 1)->decrypts_only);
	assert_int_equal(cek_jwks_get(jwks, 1)->public_key.x.len, 32);
	assert_null(cek_jwks_get(jwks, 3));
	assert_false(cek_jwks_max_age(jwks, &(uint32_t){0}));
	assert_ptr_equal(cek_jwks_find(jwks, "a"), cek_jwks_get(jwks, 0));
	assert_null(cek_jwks_find(jwks, "c"));
	assert_null(cek_jwks_free(jwks));
	assert_null(cek_jwks_free(NULL));
	assert_int_equal(parse(OKP("single"), &jwks, NULL), CEK_JWE_OK);
	assert_int_equal(cek_jwks_count(jwks), 1);
	cek_jwks_free(jwks);
	assert_int_equal(parse("{\"keys\":[]}", &jwks, NULL), CEK_JWE_OK);
	assert_int_equal(cek_jwks_count(jwks), 0);
	cek_jwks_free(jwks);
}

static void test_malformed(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"keys\":{}}",
		"{\"keys\":[7]}",
		"{\"keys\":[{}]}",
		"{\"keys\":[],\"keys\":[]}",
		"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}",
		"{\"keys\":[]}}",
		"{\"keys\":[[[[[[[[[]]]]]]]]]}",
	};
	struct cek_jwe_error error;
	cek_jwks *jwks = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(bad[i], &jwks, &error) != CEK_JWE_MALFORMED)
			fail_msg("%s was not refused", bad[i]);
	assert_int_equal(parse("{\"keys\":[{\"kty\":\"new\"}," SHORT "," SHORT "]}", &jwks, &error), CEK_JWE_MALFORMED);
	assert_non_null(strstr(error.details, "key 2: x or y"));
	assert_null(jwks);
}

/* Whether a good key stays, whatever stands before and after it; returns how many keys there are. */
static size_t beside(const char *entry, struct cek_jwe_error *error)
{
	cek_jwks *jwks = NULL;
	char text[4096];
	size_t n;

	assert_true(
		snprintf(text, sizeof(text), "{\"keys\":[%s,%s,%s]}", entry, OKP("good"), entry) < (int)sizeof(text));
	if (parse(text, &jwks, error) != CEK_JWE_OK)
		fail_msg("%s spoils the set: %s", entry, error->details);
	assert_non_null(cek_jwks_find(jwks, "good"));
	n = cek_jwks_count(jwks);
	cek_jwks_free(jwks);
	return n;
}

/* RFC 7517 section 5. */
static void test_passed_over(void **state)
{
	static const char *const bad[] = {
		"7",
		"null",
		"[]",
		"{}",
		"\"key\"",
		"true",
		"{\"kty\":7}",
		"{\"kty\":null,\"kid\":\"b\"}",
		SHORT,
		PART "\"kid\":7}",
		PART "\"kid\":null}",
		PART "\"kid\":\"\"}",
		PART "\"kid\":[\"b\"]}",
		PART "\"alg\":7}",
		PART "\"alg\":\"RSA-OAEP\"}",
		PART "\"use\":[\"enc\"]}",
		PART "\"key_ops\":\"wrapKey\"}",
		PART "\"d\":\"" X "\"}",
		PART "\"kid\":\"a\\u0000b\"}",
		PART "\"kid\":\"a\\ud800\"}",
		PART "\"kid\":\"\\udc00a\"}",
		"{\"kty\":\"RSA\",\"x5c\":[\"MIIB\"]}",
		"{\"kty\":\"RSA\",\"n\":7,\"e\":\"AQAB\"}",
		"{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":\"AQAB\"}",
		"{\"kty\":\"RSA\",\"n\":\"w\\u0000\",\"e\":\"AQAB\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" X "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\"}",
		"{\"kty\":\"EC\",\"crv\":7,\"x\":\"" X "\"}",
		"{\"kty\":\"oct\",\"k\":\"AA\"}",
		"{\"kty\":{\"kty\":[[[[[[[[[[[[1]]]]]]]]]]]]}}",
		"{\"kty\":\"EC\",\"kty\":\"EC\"}",
		PART "\"kid\":\"b\",\"kid\":\"b\"}",
		PART "\"kid\":\"b\",\"k\\u0069d\":\"b\"}",
		PART "\"a\\ud800\":1,\"a\\uD800\":2}",
		PART "\"more\":{\"a\":\"}],\\\"\",\"a\":1e999}}",
		"[{\"a\":1,\"a\":2}]",
	};
	struct cek_jwe_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(beside(bad[i], &error), 1);
		if (!strstr(error.details, "2 passed over; key 1: "))
			fail_msg("%s is not spoken of: %s", bad[i], error.details);
	}
	assert_int_equal(beside("{\"kty\":\"AKP\",\"pub\":\"AA\"}", &error), 1);
	assert_string_equal(error.details, "");
}

/* Members that nobody asked for may hold what they like. */
static void test_odd_members(void **state)
{
	static const char *const odd[] = {
		"9223372036854775808",
		"-9223372036854775809",
		"1e999",
		"-1.5E+400",
		"123456789012345678901234567890",
		"\"\\u0000\"",
		"\"\\udead\"",
		"\"\\ud83d\\ude00 \\\\u0000 \\\" 1e999\"",
		"{\"a\\u0000\":[-0,1E400]}",
		"[[[[[[[[[[[[[[[[[[[[{}]]]]]]]]]]]]]]]]]]]]",
		"{\"a\\u0000\":1,\"a\\ud800\":2}",
		"{\"a\\ud800\":1,\"a\\ud801\":2}",
		("{\"a\\u0000\":1,\"a\\uffff\":2,\"a\\uffff0000\":3,\"a\xef\xbf\xbf"
		 "0001\":4,\"a\":5}"),
	};
	char text[4096];
	struct cek_jwe_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		assert_true(
			snprintf(text, sizeof(text), PART "\"kid\":\"odd\",\"nbf\":%s}", odd[i]) < (int)sizeof(text));
		assert_int_equal(beside(text, &error), 3);
		assert_string_equal(error.details, "");
	}
}

/* Nothing becomes JSON by being read with patience. */
static void test_broken(void **state)
{
	static const char *const broken[] = {
		"01e999",
		"1e999e",
		"1.e999",
		"-",
		"+1e999",
		"1e999 1e999",
		".1e999",
		"1e",
		"0x1e999",
		"\"\\u00\"",
		"\"\\u000\"",
		"\"\\x0000\"",
		"\"\xff\"",
		"\"\\u0000",
		"\"\\",
		"1e999}",
		"{\"a\":1e999,\"a\":1e999}",
		"NaN",
		"1e999,",
		"1,\"more\":1",
		"1,\"keys\":[]",
		"1,\"k\\u0065ys\":[]",
		"{\"a\":1,\"a\":1}",
		"\"\\u0000\n\"",
		"\"\\u0000\",\"keys\":[]",
	};
	struct cek_jwe_error error;
	cek_jwks *jwks = NULL;
	char text[1024], deep[300];

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		assert_true(snprintf(text, sizeof(text), "{\"keys\":[%s],\"more\":%s}", OKP("good"), broken[i]) <
			(int)sizeof(text));
		if (parse(text, &jwks, &error) != CEK_JWE_MALFORMED)
			fail_msg("%s was taken for JSON", broken[i]);
	}
	for (unsigned depth = 127; depth <= 128; depth++) { /* and the object around it */
		memset(deep, '[', depth);
		memset(deep + depth, ']', depth);
		deep[2 * depth] = '\0';
		assert_true(snprintf(text, sizeof(text), "{\"keys\":[%s],\"more\":%s}", OKP("good"), deep) <
			(int)sizeof(text));
		assert_int_equal(parse(text, &jwks, NULL), depth == 127 ? CEK_JWE_OK : CEK_JWE_MALFORMED);
		if (depth == 127)
			cek_jwks_free(jwks);
	}
}

/* 8 MiB, of as many keys as fit; one byte more is refused. */
static void test_limits(void **state)
{
	static const char tail[] = "{\"kty\":\"x\"}]}";
	size_t size = 8388609, used = 9;
	char *text = malloc(size);
	cek_jwks *jwks = NULL;

	(void)state;
	memset(text, ' ', size);
	memcpy(text, "{\"keys\":[", 9);
	for (unsigned i = 0; i < 20000; i++)
		used += (size_t)sprintf(text + used, "%s,", i % 1000 ? "{\"kty\":\"x\"}" : OKP("a"));
	memcpy(text + used, tail, sizeof(tail)); /* with the NUL, which becomes a blank */
	text[used + sizeof(tail) - 1] = ' ';
	assert_int_equal(cek_jwks_parse(text, size - 1, &jwks, NULL), CEK_JWE_OK);
	assert_int_equal(cek_jwks_count(jwks), 20);
	cek_jwks_free(jwks);
	assert_int_equal(cek_jwks_parse(text, size, &jwks, NULL), CEK_JWE_TOO_LARGE);
	free(text);
}

static void test_write(void **state)
{
	static const char set[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X
				  "\",\"use\":\"enc\",\"kid\":\"a \\\"quoted\\\" kid\",\"alg\":\"ECDH-ES\"}]}";
	cek_jwks *jwks = NULL;
	char *text = NULL;

	(void)state;
	assert_int_equal(parse(set, &jwks, NULL), CEK_JWE_OK);
	assert_int_equal(cek_jwks_write(jwks, false, &text, NULL), CEK_JWE_OK);
	assert_string_equal(text, set);
	free(text);
	cek_jwks_free(jwks);
}

/* ---- from cekd --------------------------------------------------------------------------------------------------- */

static uint8_t x[32] = {9};

/* status as in cek.proto, where OK is 1. */
static size_t pack(int status, bool whole, uint8_t *ret_packed)
{
	Cek__V1__PublicKey key = CEK__V1__PUBLIC_KEY__INIT;
	Cek__V1__PublicKeyEntry entry[3] = {CEK__V1__PUBLIC_KEY_ENTRY__INIT, CEK__V1__PUBLIC_KEY_ENTRY__INIT,
		CEK__V1__PUBLIC_KEY_ENTRY__INIT};
	Cek__V1__PublicKeyEntry *entries[3] = {&entry[0], &entry[1], &entry[2]};
	Cek__V1__PublicKeysReply keys = CEK__V1__PUBLIC_KEYS_REPLY__INIT;
	Cek__V1__Reply reply = CEK__V1__REPLY__INIT;
	static char kids[3][8] = {"new", "now", "old"};

	key.kty = (char *)(uintptr_t) "OKP";
	key.crv = (char *)(uintptr_t) "X25519";
	key.x = (ProtobufCBinaryData){32, x};
	for (int i = 0; i < 3; i++) {
		entry[i].key = (char *)(uintptr_t) "api-tokens";
		entry[i].kid = kids[i];
		entry[i].alg = (char *)(uintptr_t) "ECDH-ES+A256KW";
		entry[i].public_key = whole ? &key : NULL;
	}
	entry[0].state = CEK__V1__STATE__STATE_PRE_ACTIVE;
	entry[1].state = CEK__V1__STATE__STATE_ACTIVE;
	entry[2].state = CEK__V1__STATE__STATE_DEACTIVATED;
	keys.n_entry = 3;
	keys.entry = entries;
	keys.age_case = CEK__V1__PUBLIC_KEYS_REPLY__AGE_MAX_AGE;
	reply.status = (Cek__V1__Status)status;
	reply.result_case = CEK__V1__REPLY__RESULT_PUBLIC_KEYS;
	reply.public_keys = &keys;
	return cek__v1__reply__pack(&reply, ret_packed);
}

static void test_fetch(void **state)
{
	cek_conn *conn = stub_conn(NULL, NULL);
	cek_jwks *jwks = NULL;
	uint8_t packed[2048];
	uint32_t seconds = 7;
	char *text = NULL;

	(void)state;
	stub_public_keys(conn, CEK_OK, packed, pack(1, true, packed));
	assert_int_equal(cek_jwks_fetch(conn, NULL, 1000, &jwks, NULL), CEK_JWE_OK);
	assert_int_equal(cek_jwks_count(jwks), 3);
	assert_true(cek_jwks_max_age(jwks, &seconds));
	assert_int_equal(seconds, 0);
	assert_string_equal(cek_jwks_get(jwks, 0)->key, "api-tokens");
	assert_false(cek_jwks_find(jwks, "new")->decrypts_only);
	assert_false(cek_jwks_find(jwks, "now")->decrypts_only);
	assert_true(cek_jwks_find(jwks, "old")->decrypts_only);
	assert_int_equal(cek_jwks_write(jwks, false, &text, NULL), CEK_JWE_OK);
	assert_non_null(strstr(text, "\"kid\":\"now\""));
	assert_null(strstr(text, "\"kid\":\"old\""));
	assert_null(strstr(text, "cekd"));
	free(text);
	assert_int_equal(cek_jwks_write(jwks, true, &text, NULL), CEK_JWE_OK);
	assert_non_null(strstr(text, "\"kid\":\"old\""));
	free(text);
	cek_jwks_free(jwks);
	cek_conn_free(conn);
}

/* The example of RFC 7748 section 6.1 as RFC 8410 section 4 writes it: 12 octets around the point. */
static void test_pem(void **state)
{
	uint8_t point[32] = {0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7,
		0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a};
	struct cek_public_key key = {.kty = "OKP", .crv = "X25519", .x = {point, sizeof(point)}};
	struct cek_jwe_error error;
	char *text = NULL;

	(void)state;
	assert_int_equal(cek_jwk_pem(&key, &text, &error), CEK_JWE_OK);
	assert_string_equal(text,
		"-----BEGIN PUBLIC KEY-----\n"
		"MCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n"
		"-----END PUBLIC KEY-----\n");
	free(text);
	key.x.len--;
	assert_int_equal(cek_jwk_pem(&key, &text, &error), CEK_JWE_MALFORMED);
	key.kty = "oct";
	assert_int_equal(cek_jwk_pem(&key, &text, NULL), CEK_JWE_MALFORMED);
}

static void test_fetch_fails(void **state)
{
	cek_conn *conn = stub_conn(NULL, NULL);
	cek_jwks *jwks = NULL;
	uint8_t packed[2048];

	(void)state;
	stub_public_keys(conn, CEK_DENIED, NULL, 0);
	assert_int_equal(cek_jwks_fetch(conn, NULL, 1000, &jwks, NULL), CEK_JWE_DENIED);
	assert_int_equal(cek_jwks_from_reply("\xff\xff", 2, &jwks, NULL), CEK_JWE_MALFORMED);
	assert_int_equal(cek_jwks_from_reply("", 0, &jwks, NULL), CEK_JWE_MALFORMED);         /* no status */
	assert_int_equal(cek_jwks_from_reply("\x10\x01", 2, &jwks, NULL), CEK_JWE_MALFORMED); /* OK, without keys */
	assert_int_equal(cek_jwks_from_reply("\x10\x01\x82\x02\x03\x12\x01p", 8, &jwks, NULL),
		CEK_JWE_MALFORMED); /* a page of a set */
	assert_int_equal(cek_jwks_from_reply(packed, pack(CEK_UNKNOWN_KEY, true, packed), &jwks, NULL), CEK_JWE_NO_KEY);
	assert_int_equal(cek_jwks_from_reply(packed, pack(1, false, packed), &jwks, NULL), CEK_JWE_MALFORMED);
	assert_null(jwks);
	cek_conn_free(conn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_passed_over),
		cmocka_unit_test(test_odd_members),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_fetch),
		cmocka_unit_test(test_fetch_fails),
		cmocka_unit_test(test_pem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
