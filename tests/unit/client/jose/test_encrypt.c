/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "client/jose/cek-jose.h"
#include "proto/base64url.h"
#include "tests/unit/client/jose/stub_cek.h"

/* A stand-in for cekd whose CEK is always the same: 1, 1, 1, … */
static struct stub_answer next;
static char last_key[64];

static void wrap(const struct cek_wrap *args, struct stub_answer *answer)
{
	uint64_t epoch = answer->epoch;

	*answer = next;
	answer->epoch = epoch;
	strcpy(last_key, args->key);
	assert_int_equal(args->cek.len, 0);
}

static void unwrap(const struct cek_unwrap *args, struct stub_answer *answer)
{
	answer->cek_len = next.cek_len;
	memset(answer->cek, 1, sizeof(answer->cek));
	answer->key = "from";
	answer->kid = args->kid;
}

static void answer_with(const char *alg, size_t cek_len, size_t encrypted_key_len)
{
	next = (struct stub_answer){.kid = "v7",
		.key = "to",
		.alg = alg,
		.cek_len = cek_len,
		.encrypted_key_len = encrypted_key_len};
	memset(next.cek, 1, sizeof(next.cek));
}

static json_t *header_of(const char *token)
{
	uint8_t json[2048];
	ssize_t len = b64u_decode(token, strcspn(token, "."), json, sizeof(json));

	assert_true(len >= 0);
	return json_loadb((const char *)json, (size_t)len, JSON_REJECT_DUPLICATES, NULL);
}

static const char *const algs[] = {"A256KW", "ECDH-ES", "A256GCMKW", NULL};
static const char *const encs[] = {"A256GCM", "A128CBC-HS256", "A256CBC-HS512", NULL};
static const struct cek_jwe_policy policy = {.algs = algs, .encs = encs};

static void check_opens(cek_conn *conn, const char *token, const char *want)
{
	cek_jwe *jwe = NULL;

	assert_int_equal(cek_jwe_decrypt(conn, &policy, token, strlen(token), -1, &jwe, NULL), CEK_JWE_OK);
	assert_int_equal(cek_jwe_plaintext(jwe).len, strlen(want));
	assert_memory_equal(cek_jwe_plaintext(jwe).data, want, strlen(want));
	cek_jwe_free(jwe);
}

static void test_round_trip(void **state)
{
	cek_conn *conn = stub_conn(unwrap, wrap);
	struct cek_jwe_params params = {.key = "to", .enc = "A256GCM", .cty = "JWT", .typ = "JOSE"};
	char *token = NULL, *again = NULL;
	json_t *header;

	(void)state;
	answer_with("A256KW", 32, 40);
	assert_int_equal(cek_jwe_encrypt(conn, &params, "inner", 5, -1, &token, NULL), CEK_JWE_OK);
	assert_string_equal(last_key, "to");
	check_opens(conn, token, "inner");
	header = header_of(token);
	assert_string_equal(json_string_value(json_object_get(header, "alg")), "A256KW");
	assert_string_equal(json_string_value(json_object_get(header, "enc")), "A256GCM");
	assert_string_equal(json_string_value(json_object_get(header, "kid")), "v7");
	assert_string_equal(json_string_value(json_object_get(header, "cty")), "JWT");
	assert_string_equal(json_string_value(json_object_get(header, "typ")), "JOSE");
	assert_int_equal(json_object_size(header), 5);
	json_decref(header);
	assert_int_equal(cek_jwe_encrypt(conn, &params, "inner", 5, -1, &again, NULL), CEK_JWE_OK);
	assert_string_not_equal(token, again); /* a fresh IV */
	free(token);
	free(again);
	params = (struct cek_jwe_params){.key = "to", .enc = "A256CBC-HS512"};
	answer_with("A256KW", 64, 72);
	assert_int_equal(cek_jwe_encrypt(conn, &params, "", 0, -1, &token, NULL), CEK_JWE_OK);
	check_opens(conn, token, "");
	free(token);
	cek_conn_free(conn);
}

/* iv and tag of AES-GCM key wrap, epk of ECDH-ES; apu and apv only there. */
static void test_parameters(void **state)
{
	static const uint8_t octets[32] = {5};
	cek_conn *conn = stub_conn(unwrap, wrap);
	struct cek_jwe_params params = {.key = "to", .enc = "A256GCM", .apu = {"Alice", 5}, .apv = {"Bob", 3}};
	char *token = NULL;
	json_t *header;

	(void)state;
	answer_with("A256GCMKW", 32, 32);
	next.params.iv = (struct cek_bytes){octets, 12};
	next.params.tag = (struct cek_bytes){octets, 16};
	assert_int_equal(cek_jwe_encrypt(conn, &params, "inner", 5, -1, &token, NULL), CEK_JWE_OK);
	check_opens(conn, token, "inner");
	header = header_of(token);
	assert_string_equal(json_string_value(json_object_get(header, "iv")), "BQAAAAAAAAAAAAAA");
	assert_null(json_object_get(header, "apu"));
	json_decref(header);
	free(token);
	answer_with("ECDH-ES", 32, 0);
	next.params.epk = (struct cek_public_key){.kty = "OKP", .crv = "X25519", .x = {octets, 32}};
	assert_int_equal(cek_jwe_encrypt(conn, &params, "inner", 5, -1, &token, NULL), CEK_JWE_OK);
	check_opens(conn, token, "inner");
	header = header_of(token);
	assert_string_equal(json_string_value(json_object_get(header, "apu")), "QWxpY2U");
	assert_string_equal(json_string_value(json_object_get(header, "apv")), "Qm9i");
	assert_int_equal(json_object_size(json_object_get(header, "epk")), 3);
	json_decref(header);
	free(token);
	cek_conn_free(conn);
}

static void check_refused(struct cek_jwe_params params, size_t len, int code, const char *details)
{
	cek_conn *conn = stub_conn(unwrap, wrap);
	struct cek_jwe_error error;
	char *token = NULL;

	answer_with("A256KW", 32, 40);
	assert_int_equal(cek_jwe_encrypt(conn, &params, "inner", len, -1, &token, &error), code);
	assert_non_null(strstr(error.details, details));
	assert_null(token);
	assert_int_equal(stub_calls(conn), 0);
	cek_conn_free(conn);
}

static void test_refused(void **state)
{
	static const char party[513];
	static char name[258];

	(void)state;
	memset(name, 'n', 257);
	check_refused((struct cek_jwe_params){.key = "to"}, 5, CEK_JWE_POLICY, "enc");
	check_refused((struct cek_jwe_params){.key = "to", .enc = "A256KW"}, 5, CEK_JWE_POLICY, "enc");
	check_refused((struct cek_jwe_params){.enc = "A256GCM"}, 5, CEK_JWE_MALFORMED, "key");
	check_refused((struct cek_jwe_params){.key = "a/b", .enc = "A256GCM"}, 5, CEK_JWE_MALFORMED, "key");
	check_refused((struct cek_jwe_params){.key = "to", .enc = "A256GCM", .cty = ""}, 5, CEK_JWE_MALFORMED, "cty");
	check_refused((struct cek_jwe_params){.key = "to", .enc = "A256GCM", .typ = name}, 5, CEK_JWE_MALFORMED, "typ");
	check_refused((struct cek_jwe_params){.key = "to", .enc = "A256GCM", .cty = "\xff"}, 5, CEK_JWE_MALFORMED,
		"cty");
	check_refused((struct cek_jwe_params){.key = "to", .enc = "A256GCM", .apu = {party, 513}}, 5, CEK_JWE_TOO_LARGE,
		"apu");
	check_refused((struct cek_jwe_params){.key = "to", .enc = "A256GCM"}, CEK_JWE_TOKEN_MAX + 1, CEK_JWE_TOO_LARGE,
		"plaintext");
}

static void test_bad_replies(void **state)
{
	cek_conn *conn = stub_conn(unwrap, wrap);
	struct cek_jwe_params params = {.key = "to", .enc = "A256GCM"};
	char *token = NULL;

	(void)state;
	answer_with("A256KW", 16, 24);
	assert_int_equal(cek_jwe_encrypt(conn, &params, "inner", 5, -1, &token, NULL), CEK_JWE_UNAVAILABLE);
	answer_with(NULL, 32, 40);
	assert_int_equal(cek_jwe_encrypt(conn, &params, "inner", 5, -1, &token, NULL), CEK_JWE_UNAVAILABLE);
	answer_with("A256KW", 32, 40);
	next.kid = NULL;
	assert_int_equal(cek_jwe_encrypt(conn, &params, "inner", 5, -1, &token, NULL), CEK_JWE_UNAVAILABLE);
	next.status = CEK_UNKNOWN_KEY;
	assert_int_equal(cek_jwe_encrypt(conn, &params, "inner", 5, -1, &token, NULL), CEK_JWE_NO_KEY);
	stub_fail_start(conn, CEK_E_NOMEM);
	assert_int_equal(cek_jwe_encrypt(conn, &params, "inner", 5, -1, &token, NULL), CEK_JWE_NOMEM);
	assert_null(token);
	cek_conn_free(conn);
}

struct seen {
	unsigned times;
	int code;
	char *token;
};

static void saw(char *token, const struct cek_jwe_error *error, void *userdata)
{
	struct seen *seen = userdata;

	seen->times++;
	seen->code = error->code;
	seen->token = token;
}

static void test_not_waiting(void **state)
{
	cek_conn *conn = stub_conn(unwrap, wrap);
	char plaintext[] = "inner", cty[] = "JWT";
	struct cek_jwe_params params = {.key = "to", .enc = "A256GCM", .cty = cty};
	struct seen seen = {0}, cancelled = {0};
	cek_jwe_op *op = NULL;

	(void)state;
	answer_with("A256KW", 32, 40);
	assert_int_equal(cek_jwe_encrypt_start(conn, &params, plaintext, 5, -1, saw, &seen, &op, NULL), CEK_JWE_OK);
	memset(plaintext, 'x', 5); /* neither is needed any more */
	memset(cty, 'x', 3);
	cek_conn_process(conn);
	assert_int_equal(seen.times, 1);
	assert_int_equal(seen.code, CEK_JWE_OK);
	check_opens(conn, seen.token, "inner");
	free(seen.token);
	assert_int_equal(cek_jwe_encrypt_start(conn, &params, plaintext, 5, -1, saw, &cancelled, &op, NULL),
		CEK_JWE_OK);
	cek_jwe_op_cancel(op);
	assert_int_equal(cancelled.times, 1);
	assert_int_equal(cancelled.code, CEK_JWE_UNAVAILABLE);
	assert_null(cancelled.token);
	stub_fail_start(conn, CEK_E_FULL);
	assert_int_equal(cek_jwe_encrypt_start(conn, &params, plaintext, 5, -1, saw, &cancelled, &op, NULL),
		CEK_JWE_UNAVAILABLE);
	assert_int_equal(cancelled.times, 1);
	cek_conn_free(conn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bad_replies),
		cmocka_unit_test(test_not_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
