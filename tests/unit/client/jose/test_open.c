/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/jose/compact.h"
#include "client/jose/content.h"
#include "client/jose/open.h"
#include "tests/unit/client/jose/make_token.h"
#include "tests/unit/client/jose/vectors.h"

static const char *const all_algs[] = {"RSA-OAEP", "RSA-OAEP-256", "A128KW", "A256KW", "A256GCMKW", "ECDH-ES",
	"ECDH-ES+A128KW", NULL};
static const char *const all_encs[] = {"A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM",
	"A256GCM", NULL};

static struct cek_jwe_policy policy_for(const char *key)
{
	return (struct cek_jwe_policy){.algs = all_algs, .encs = all_encs, .key = key};
}

static int code_of_name(const char *name)
{
	for (int code = CEK_JWE_OK; code <= CEK_JWE_FAILED; code++)
		if (strcmp(cek_jwe_code_name(code), name) == 0)
			return code;
	fail_msg("%s is no code", name);
	return -1;
}

static void open_vector(const json_t *test, const json_t *file, struct pending *pending)
{
	const json_t *plaintext = vectors_at(file, json_object_get(test, "plaintext"));
	const char *cty = json_string_value(json_object_get(test, "cty"));
	uint8_t cek[64];
	struct cek_bytes got;
	cek_jwe *jwe = NULL;

	assert_int_equal(pending_open(pending, (struct cek_bytes){cek, vectors_b64u(test, "cek", cek, sizeof(cek))},
				 "k", "v", false, &jwe),
		CEK_JWE_OK);
	got = cek_jwe_plaintext(jwe);
	assert_int_equal(got.len, json_string_length(plaintext));
	assert_memory_equal(got.data, json_string_value(plaintext), got.len);
	assert_int_equal(((const char *)got.data)[got.len], '\0'); /* that does not count; zip too */
	assert_string_equal(cek_jwe_alg(jwe), json_string_value(json_object_get(test, "alg")));
	assert_string_equal(cek_jwe_enc(jwe), json_string_value(json_object_get(test, "enc")));
	if (cty)
		assert_string_equal(cek_jwe_cty(jwe), cty);
	else
		assert_null(cek_jwe_cty(jwe));
	cek_jwe_free(jwe);
}

/* RFC 7516 and RFC 7520 with the published CEKs: what opens, and what is refused with which code. */
static void test_published(void **state)
{
	json_t *json = vectors_load("jwe.json");
	size_t i, opened = 0, refused = 0;
	const json_t *test;

	(void)state;
	json_array_foreach(json_object_get(json, "tests"), i, test)
	{
		json_t *file = vectors_load(json_string_value(json_object_get(test, "file")));
		const json_t *token = vectors_at(file, json_object_get(test, "token"));
		char *text = json_is_string(token) ? strdup(json_string_value(token)) : json_dumps(token, JSON_COMPACT);
		int want = code_of_name(json_string_value(json_object_get(test, "expect")));
		struct cek_jwe_policy policy = policy_for("k");
		struct pending *pending = NULL;
		int got;

		policy.allow_zip = json_is_true(json_object_get(test, "allow_zip"));
		got = pending_new(&policy, text, strlen(text), &pending, NULL);
		if (got != want)
			fail_msg("%s: %s", json_string_value(json_object_get(test, "name")), cek_jwe_code_name(got));
		if (got == CEK_JWE_OK)
			open_vector(test, file, pending);
		opened += got == CEK_JWE_OK;
		refused += got != CEK_JWE_OK;
		pending_free(pending);
		free(text);
		json_decref(file);
	}
	assert_int_equal(opened, 10);
	assert_int_equal(refused, 10);
	json_decref(json);
}

/* ---- tokens of our own ------------------------------------------------------------------------------------------- */

static int try_policy(const struct token_parts *want, const struct cek_jwe_policy *policy, struct cek_jwe_error *error)
{
	char *token = make_token(want);
	struct pending *pending = NULL;
	int code = pending_new(policy, token, strlen(token), &pending, error);

	assert_true((code == CEK_JWE_OK) == (pending != NULL));
	pending_free(pending);
	free(token);
	return code;
}

static void check(const struct token_parts *want, int code, const char *details)
{
	struct cek_jwe_policy policy = policy_for("k");
	struct cek_jwe_error error = {0};
	int got = try_policy(want, &policy, &error);

	if (got != code || (code != CEK_JWE_OK && !strstr(error.details, details)))
		fail_msg("%s (%s), not %s (%s)", cek_jwe_code_name(got), error.details, cek_jwe_code_name(code),
			details);
}

static void test_lengths(void **state)
{
	static const char cbc[] = "{\"alg\":\"A256KW\",\"enc\":\"A256CBC-HS512\"}";
	static const char rsa[] = "{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\"}";
	static const char gcmkw[] = "{\"alg\":\"A256GCMKW\",\"enc\":\"A256GCM\",\"iv\":\"AAAAAAAAAAAAAAAA\","
				    "\"tag\":\"AAAAAAAAAAAAAAAAAAAAAA\"}";

	(void)state;
	check(&(struct token_parts){0}, CEK_JWE_OK, "");
	check(&(struct token_parts){.key_len = 39}, CEK_JWE_MALFORMED, "encrypted key");
	check(&(struct token_parts){.key_len = 41}, CEK_JWE_MALFORMED, "encrypted key");
	check(&(struct token_parts){.iv_len = 11}, CEK_JWE_MALFORMED, "iv");
	check(&(struct token_parts){.iv_len = 13}, CEK_JWE_MALFORMED, "iv");
	check(&(struct token_parts){.tag_len = 15}, CEK_JWE_MALFORMED, "tag");
	check(&(struct token_parts){.tag_len = 4}, CEK_JWE_MALFORMED, "tag");
	check(&(struct token_parts){.tag_len = 17}, CEK_JWE_MALFORMED, "tag");
	check(&(struct token_parts){cbc, "A256CBC-HS512", .key_len = 72}, CEK_JWE_OK, "");
	check(&(struct token_parts){cbc, "A256CBC-HS512", .key_len = 72, .tag_len = 16}, CEK_JWE_MALFORMED, "tag");
	check(&(struct token_parts){cbc, "A256CBC-HS512", .key_len = 72, .iv_len = 12}, CEK_JWE_MALFORMED, "iv");
	check(&(struct token_parts){cbc, "A256GCM", .key_len = 72, .iv_len = 16, .tag_len = 32, .plaintext = "odd",
		      .len = 3},
		CEK_JWE_MALFORMED, "ciphertext");
	check(&(struct token_parts){cbc, "A256GCM", .key_len = 72, .iv_len = 16, .tag_len = 32}, CEK_JWE_MALFORMED,
		"ciphertext");
	check(&(struct token_parts){rsa, .key_len = 255}, CEK_JWE_MALFORMED, "encrypted key");
	check(&(struct token_parts){rsa, .key_len = 256}, CEK_JWE_OK, "");
	check(&(struct token_parts){rsa, .key_len = 512}, CEK_JWE_OK, "");
	check(&(struct token_parts){rsa, .key_len = 513}, CEK_JWE_MALFORMED, "encrypted key");
	check(&(struct token_parts){gcmkw, .key_len = 32}, CEK_JWE_OK, "");
	check(&(struct token_parts){gcmkw, .key_len = 40}, CEK_JWE_MALFORMED, "encrypted key");
	check(&(struct token_parts){"{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"epk\":{\"kty\":\"OKP\",\"crv\":"
				    "\"X25519\",\"x\":"
				    "\"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA\"}}"},
		CEK_JWE_MALFORMED, "encrypted key");
}

/* Each limit: at it, and one past it. */
static void test_limits(void **state)
{
	struct token_parts parts = {.plaintext = "123456", .len = 6};
	char *token = make_token(&parts);
	size_t len = strlen(token), header_len = strlen("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\"}");
	struct cek_jwe_policy policy = policy_for("k");

	(void)state;
	policy.max_token = len;
	assert_int_equal(try_policy(&parts, &policy, NULL), CEK_JWE_OK);
	policy.max_token = len - 1;
	assert_int_equal(try_policy(&parts, &policy, NULL), CEK_JWE_TOO_LARGE);
	policy.max_token = 0;
	policy.max_header = header_len;
	assert_int_equal(try_policy(&parts, &policy, NULL), CEK_JWE_OK);
	policy.max_header = header_len - 1;
	assert_int_equal(try_policy(&parts, &policy, NULL), CEK_JWE_TOO_LARGE);
	policy.max_header = 0;
	policy.max_plaintext = 6;
	assert_int_equal(try_policy(&parts, &policy, NULL), CEK_JWE_OK);
	policy.max_plaintext = 5;
	assert_int_equal(try_policy(&parts, &policy, NULL), CEK_JWE_TOO_LARGE);
	free(token);
}

/* 8 KiB of header whatever the policy says. */
static void test_header_limit(void **state)
{
	char header[CEK_JWE_HEADER_MAX + 2];
	struct cek_jwe_policy policy = policy_for("k");
	int used;

	(void)state;
	policy.max_header = 1 << 20;
	used = snprintf(header, sizeof(header), "{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"x\":\"");
	memset(header + used, 'x', sizeof(header) - (size_t)used);
	strcpy(header + CEK_JWE_HEADER_MAX - 2, "\"}");
	assert_int_equal(try_policy(&(struct token_parts){header}, &policy, NULL), CEK_JWE_OK);
	strcpy(header + CEK_JWE_HEADER_MAX - 2, "x\"}");
	assert_int_equal(try_policy(&(struct token_parts){header}, &policy, NULL), CEK_JWE_TOO_LARGE);
}

/* CBC: how long the plaintext is shows only when it is there. */
static void test_plaintext_limit_of_cbc(void **state)
{
	char *token = make_token(&(struct token_parts){"{\"alg\":\"A256KW\",\"enc\":\"A256CBC-HS512\"}",
		"A256CBC-HS512", .key_len = 72, .plaintext = "1234567", .len = 7});
	struct cek_jwe_policy policy = policy_for("k");
	struct pending *pending = NULL;
	cek_jwe *jwe = NULL;

	(void)state;
	for (size_t max = 6; max <= 7; max++) {
		policy.max_plaintext = max;
		assert_int_equal(pending_new(&policy, token, strlen(token), &pending, NULL), CEK_JWE_OK);
		assert_int_equal(pending_open(pending, (struct cek_bytes){make_token_cek, 64}, "k", "v", false, &jwe),
			max == 7 ? CEK_JWE_OK : CEK_JWE_TOO_LARGE);
		pending_free(pending);
	}
	assert_non_null(jwe);
	cek_jwe_free(jwe);
	free(token);
}

static void test_policy(void **state)
{
	static const char *const none[] = {NULL};
	struct cek_jwe_policy policy = policy_for("k");
	struct token_parts parts = {0};

	(void)state;
	assert_int_equal(try_policy(&parts, NULL, NULL), CEK_JWE_POLICY);
	policy.algs = NULL;
	assert_int_equal(try_policy(&parts, &policy, NULL), CEK_JWE_POLICY);
	policy.algs = none;
	assert_int_equal(try_policy(&parts, &policy, NULL), CEK_JWE_POLICY);
	policy = policy_for("k");
	policy.encs = NULL;
	assert_int_equal(try_policy(&parts, &policy, NULL), CEK_JWE_POLICY);
	policy = policy_for(".not a key name");
	assert_int_equal(try_policy(&parts, &policy, NULL), CEK_JWE_POLICY);
	policy = policy_for(NULL);
	assert_int_equal(try_policy(&parts, &policy, NULL), CEK_JWE_NO_KEY); /* neither kid nor key */
}

static const char *by_kid(const char *kid, void *userdata)
{
	if (!kid)
		return userdata;
	return strcmp(kid, "known") == 0 ? "api-tokens" : strcmp(kid, "odd") == 0 ? "no key name" : NULL;
}

static void check_kid(const char *header, const char *for_none, int code, const char *key)
{
	struct cek_jwe_policy policy = {.algs = all_algs, .encs = all_encs, .key_for_kid = by_kid};
	char *token = make_token(&(struct token_parts){header});
	struct pending *pending = NULL;

	policy.userdata = (void *)(uintptr_t)for_none;
	assert_int_equal(pending_new(&policy, token, strlen(token), &pending, NULL), code);
	if (code == CEK_JWE_OK)
		assert_string_equal(pending->key, key);
	pending_free(pending);
	free(token);
}

static void test_key_for_kid(void **state)
{
	struct cek_jwe_policy both = policy_for("k");

	(void)state;
	check_kid("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"kid\":\"known\"}", NULL, CEK_JWE_OK, "api-tokens");
	check_kid("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"kid\":\"other\"}", "x", CEK_JWE_NO_KEY, NULL);
	check_kid("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"kid\":\"odd\"}", NULL, CEK_JWE_POLICY, NULL);
	check_kid(NULL, "default", CEK_JWE_OK, "default");
	check_kid(NULL, NULL, CEK_JWE_NO_KEY, NULL);
	both.key_for_kid = by_kid;
	assert_int_equal(try_policy(&(struct token_parts){0}, &both, NULL), CEK_JWE_POLICY);
}

static void test_not_compact(void **state)
{
	static const char *const bad[] = {"", ".", "....", "a.b.c.d", "a.b.c.d.e.f", "e30....", "e30=....", "e3 ....",
		"e30..A..", "{\"protected\":\"e30\"}"};
	struct cek_jwe_policy policy = policy_for("k");
	struct pending *pending = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pending_new(&policy, bad[i], strlen(bad[i]), &pending, NULL), CEK_JWE_MALFORMED);
	assert_null(pending);
}

/* Every secret cause looks the same; a good CEK still opens it afterwards. */
static void test_bad_ceks(void **state)
{
	static const uint8_t zero[32], other[32] = {1};
	char *token = make_token(&(struct token_parts){.plaintext = "inner", .len = 5});
	struct cek_jwe_policy policy = policy_for("k");
	struct pending *pending = NULL;
	cek_jwe *jwe = NULL;

	(void)state;
	assert_int_equal(pending_new(&policy, token, strlen(token), &pending, NULL), CEK_JWE_OK);
	assert_int_equal(pending_open(pending, (struct cek_bytes){other, 32}, "k", "v", false, &jwe), CEK_JWE_FAILED);
	assert_int_equal(pending_open(pending, (struct cek_bytes){zero, 32}, "k", "v", false, &jwe), CEK_JWE_FAILED);
	assert_int_equal(pending_open(pending, (struct cek_bytes){make_token_cek, 31}, "k", "v", false, &jwe),
		CEK_JWE_FAILED);
	assert_int_equal(pending_open(pending, (struct cek_bytes){make_token_cek, 33}, "k", "v", false, &jwe),
		CEK_JWE_FAILED);
	assert_int_equal(pending_open(pending, (struct cek_bytes){NULL, 0}, "k", "v", false, &jwe), CEK_JWE_FAILED);
	assert_null(jwe);
	assert_int_equal(pending_open(pending, (struct cek_bytes){make_token_cek, 32}, "key", "version", true, &jwe),
		CEK_JWE_OK);
	pending_free(pending);
	assert_memory_equal(cek_jwe_plaintext(jwe).data, "inner", 5);
	assert_string_equal(cek_jwe_key(jwe), "key");
	assert_string_equal(cek_jwe_version(jwe), "version");
	assert_null(cek_jwe_kid(jwe));
	assert_null(cek_jwe_typ(jwe));
	assert_true(cek_jwe_from_cache(jwe));
	assert_null(cek_jwe_free(jwe));
	assert_null(cek_jwe_free(NULL));
	free(token);
}

/* An all-zero CEK is refused even where the token was made with it. */
static void test_zero_cek(void **state)
{
	static const uint8_t zero[32], iv[12];
	static const char header[] = "eyJhbGciOiJBMjU2S1ciLCJlbmMiOiJBMjU2R0NNIn0";
	uint8_t tag[16], cipher[1], key[40] = {0};
	struct content content = {enc_find("A256GCM"), zero, {header, strlen(header)}, iv};
	struct cek_jwe_policy policy = policy_for("k");
	struct pending *pending = NULL;
	cek_jwe *jwe = NULL;
	char *token;

	(void)state;
	assert_int_equal(content_encrypt(&content, (struct cek_bytes){"x", 1}, cipher, tag), CEK_JWE_OK);
	token = compact_join(
		&(struct compact_octets){{header, strlen(header)}, {key, 40}, {iv, 12}, {cipher, 1}, {tag, 16}});
	assert_int_equal(pending_new(&policy, token, strlen(token), &pending, NULL), CEK_JWE_OK);
	assert_int_equal(pending_open(pending, (struct cek_bytes){zero, 32}, "k", "v", false, &jwe), CEK_JWE_FAILED);
	pending_free(pending);
	free(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_header_limit),
		cmocka_unit_test(test_plaintext_limit_of_cbc),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_key_for_kid),
		cmocka_unit_test(test_not_compact),
		cmocka_unit_test(test_bad_ceks),
		cmocka_unit_test(test_zero_cek),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
