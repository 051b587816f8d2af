/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of others: RFC 7515 appendix A, RFC 7520 section 4, RFC 8037 appendix A.4, and Project Wycheproof's JWS
 * and key sets. Most of their payloads are no claims: then the signature was right if the payload is what is refused,
 * which is read after it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/jose/jwt/cek-jwt.h"
#include "tests/unit/client/jose/vectors.h"

static const char *const algs[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
	"EdDSA", NULL};

/* The tokens of the RFCs ended long ago. */
static const struct cek_jwt_policy policy = {.size = sizeof(policy), .algs = algs, .now = 1300000000, .no_exp = true};

static bool is_signed(const json_t *key, const char *token, struct cek_jwe_error *ret_error)
{
	char *text = json_dumps(key, 0);
	cek_jwt_keys *keys = NULL;
	cek_jwt *jwt = NULL;
	int code;

	assert_non_null(text);
	code = cek_jwt_keys_parse(text, strlen(text), &keys, ret_error);
	if (code == CEK_JWE_OK)
		code = cek_jwt_verify(keys, &policy, token, strlen(token), &jwt, ret_error);
	assert_int_equal(code == CEK_JWE_OK, jwt != NULL);
	assert_int_equal(ret_error->code, code);
	cek_jwt_free(jwt);
	cek_jwt_keys_free(keys);
	free(text);
	return code == CEK_JWE_OK || (code == CEK_JWE_MALFORMED && strncmp(ret_error->details, "payload: ", 9) == 0);
}

static const char *string_at(const json_t *json, const char *member)
{
	const char *text = json_string_value(json_object_get(json, member));

	assert_non_null(text);
	return text;
}

/* A.1 has a MAC and A.5 nothing at all. */
static void test_rfc7515(void **state)
{
	json_t *json = vectors_load("rfc/rfc7515_appendix_a.json");
	struct cek_jwe_error error;
	unsigned opened = 0, refused = 0;
	const json_t *test;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(json, "tests"), i, test)
	{
		const json_t *key = json_object_get(test, "key");

		if (key && strcmp(string_at(test, "alg"), "HS256") != 0) {
			assert_true(is_signed(key, string_at(test, "jws"), &error));
			opened++;
		} else {
			key = json_object_get(json_array_get(json_object_get(json, "tests"), 1), "key");
			assert_false(is_signed(key, string_at(test, "jws"), &error));
			assert_int_equal(error.code, CEK_JWE_POLICY);
			refused++;
		}
	}
	assert_int_equal(opened, 3);
	assert_int_equal(refused, 2);
	json_decref(json);
}

/* The public half: a private one is refused as what it is. */
static json_t *public_half(const json_t *key)
{
	static const char *const members[] = {"d", "p", "q", "dp", "dq", "qi"};
	json_t *half = json_copy((json_t *)(uintptr_t)key);

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		json_object_del(half, members[i]);
	return half;
}

static void check_cookbook(const char *file, const char *part)
{
	json_t *json = vectors_load(file);
	const json_t *example = part ? json_object_get(json, part) : json;
	const json_t *key = json_object_get(json_object_get(example, "input"), "key");
	char *token = strdup(string_at(json_object_get(example, "output"), "compact"));
	json_t *half = public_half(key);
	struct cek_jwe_error error;

	assert_true(is_signed(half, token, &error));
	assert_false(is_signed(key, token, &error));
	assert_string_equal(error.details, "key 1: holds a private key");
	token[strlen(token) - 10] = token[strlen(token) - 10] == 'A' ? 'B' : 'A';
	assert_false(is_signed(half, token, &error));
	assert_int_equal(error.code, CEK_JWE_FAILED);
	free(token);
	json_decref(half);
	json_decref(json);
}

static void test_rfc7520(void **state)
{
	(void)state;
	check_cookbook("cookbook/jws__4_1.rsa_v15_signature.json", NULL);
	check_cookbook("cookbook/jws__4_2.rsa-pss_signature.json", NULL);
	check_cookbook("cookbook/jws__4_3.ecdsa_signature.json", NULL);
	check_cookbook("cookbook/6.nesting_signatures_and_encryption.json", "sign");
}

static void test_rfc8037(void **state)
{
	(void)state;
	check_cookbook("cookbook/curve25519__jws.json", NULL);
}

/* RFC 7520 section 4.4 has a MAC, of a key that is no public one. */
static void test_hmac(void **state)
{
	json_t *json = vectors_load("cookbook/jws__4_4.hmac-sha2_integrity_protection.json");
	const json_t *key = json_object_get(json_object_get(json, "input"), "key");
	struct cek_jwe_error error;

	(void)state;
	assert_false(is_signed(key, string_at(json_object_get(json, "output"), "compact"), &error));
	assert_string_equal(error.details, "key 1: holds a private key");
	json_decref(json);
}

/* ---- Wycheproof -------------------------------------------------------------------------------------------------- */

struct tally {
	unsigned right, refused, unlike; /* judged otherwise here, on purpose */
};

/* What Wycheproof takes for valid and nobody should: the key says that it is for another alg than the token's
 * (RFC 7517 section 4.4; "ES521" exists nowhere). */
static bool is_of_other_alg(const json_t *key, const char *token)
{
	const char *alg = json_string_value(json_object_get(key, "alg"));

	return alg &&
		((strcmp(alg, "PS256") == 0 && strncmp(token, "eyJhbGciOiJQUzM4NC", 18) == 0) ||
			strcmp(alg, "ES521") == 0);
}

static void check_wycheproof(const json_t *group, const json_t *test, struct tally *tally)
{
	const json_t *key = json_object_get(group, "public");
	const char *token = json_string_value(json_object_get(test, "jws"));
	bool valid = strcmp(string_at(test, "result"), "valid") == 0, got;
	struct cek_jwe_error error;

	if (!key)
		key = json_object_get(group, "private"); /* HMAC */
	assert_non_null(token);
	got = is_signed(key, token, &error);
	if (valid && !got && (!json_object_get(group, "public") || is_of_other_alg(key, token)))
		tally->unlike++;
	else if (!valid && got && strcmp(string_at(test, "comment"), "rejectsKeyWithRocaVulnerability") == 0)
		tally->unlike++; /* whoever names the keys answers for how they were made */
	else if (valid != got)
		fail_msg("test %d, %s: %s %s", (int)json_integer_value(json_object_get(test, "tcId")),
			string_at(test, "comment"), cek_jwe_code_name(error.code), error.details);
	else if (valid)
		tally->right++;
	else
		tally->refused++;
}

static struct tally run_wycheproof(const char *file)
{
	json_t *json = vectors_load(file);
	const json_t *group, *test;
	struct tally tally = {0};
	size_t i, k;

	json_array_foreach(json_object_get(json, "testGroups"), i, group)
		json_array_foreach(json_object_get(group, "tests"), k, test) check_wycheproof(group, test, &tally);
	json_decref(json);
	print_message("# %s: %u right, %u refused, %u judged otherwise\n", file, tally.right, tally.refused,
		tally.unlike);
	return tally;
}

static void test_wycheproof_signatures(void **state)
{
	struct tally tally = run_wycheproof("wycheproof/json_web_signature_test.json");

	(void)state;
	assert_int_equal(tally.right, 32);
	assert_int_equal(tally.refused, 355);
	assert_int_equal(tally.unlike, 14); /* 10 of them HMAC */
}

static void test_wycheproof_keys(void **state)
{
	struct tally tally = run_wycheproof("wycheproof/json_web_key_test.json");

	(void)state;
	assert_int_equal(tally.right, 1);
	assert_int_equal(tally.refused, 20);
	assert_int_equal(tally.unlike, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc7515),
		cmocka_unit_test(test_rfc7520),
		cmocka_unit_test(test_rfc8037),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_wycheproof_signatures),
		cmocka_unit_test(test_wycheproof_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
