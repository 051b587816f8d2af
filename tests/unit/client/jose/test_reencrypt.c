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
static int unwrap_status, wrap_status;
static char last_key[64];

static void wrap(const struct cek_wrap *args, struct stub_answer *answer)
{
	strcpy(last_key, args->key);
	answer->status = wrap_status;
	answer->kid = "v7";
	answer->key = "to";
	answer->alg = "A256KW";
	answer->cek_len = 32;
	answer->encrypted_key_len = 40;
	memset(answer->cek, 1, sizeof(answer->cek));
}

static void unwrap(const struct cek_unwrap *args, struct stub_answer *answer)
{
	answer->status = unwrap_status;
	answer->cek_len = 32;
	memset(answer->cek, 1, sizeof(answer->cek));
	answer->key = "from";
	answer->kid = args->kid;
}

static const char *const algs[] = {"A256KW", NULL};
static const char *const encs[] = {"A256GCM", "A128CBC-HS256", NULL};
static const struct cek_jwe_policy policy = {.algs = algs, .encs = encs};

struct fixture {
	cek_conn *conn;
	char *token;
};

static int setup(void **state)
{
	const struct cek_jwe_params params = {.key = "first", .enc = "A128CBC-HS256", .cty = "JWT", .typ = "at"};
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	unwrap_status = wrap_status = CEK_OK;
	fixture->conn = stub_conn(unwrap, wrap);
	assert_int_equal(cek_jwe_encrypt(fixture->conn, &params, "inner", 5, -1, &fixture->token, NULL), CEK_JWE_OK);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	cek_conn_free(fixture->conn);
	free(fixture->token);
	free(fixture);
	return 0;
}

static void change_tag(char *token)
{
	char *tag = strrchr(token, '.') + 1;

	*tag = *tag == 'A' ? 'B' : 'A';
}

static void check_opens(cek_conn *conn, const char *token, const char *enc, const char *cty, const char *typ)
{
	cek_jwe *jwe = NULL;

	assert_int_equal(cek_jwe_decrypt(conn, &policy, token, strlen(token), -1, &jwe, NULL), CEK_JWE_OK);
	assert_string_equal(cek_jwe_plaintext(jwe).data, "inner");
	assert_string_equal(cek_jwe_enc(jwe), enc);
	assert_string_equal(cek_jwe_cty(jwe), cty);
	assert_string_equal(cek_jwe_typ(jwe), typ);
	cek_jwe_free(jwe);
}

/* Another key, a fresh IV; enc, cty and typ go along unless told otherwise. */
static void test_waiting(void **state)
{
	struct fixture *fixture = *state;
	struct cek_jwe_params to = {.key = "second"};
	char *other = NULL;

	assert_int_equal(cek_jwe_reencrypt(fixture->conn, &policy, fixture->token, strlen(fixture->token), &to, 1000,
				 &other, NULL),
		CEK_JWE_OK);
	assert_string_equal(last_key, "second");
	assert_string_not_equal(fixture->token, other);
	check_opens(fixture->conn, other, "A128CBC-HS256", "JWT", "at");
	free(other);
	other = NULL;
	change_tag(fixture->token);
	assert_int_equal(cek_jwe_reencrypt(fixture->conn, &policy, fixture->token, strlen(fixture->token), &to, -1,
				 &other, NULL),
		CEK_JWE_FAILED);
	assert_null(other);
}

/* ---- without waiting --------------------------------------------------------------------------------------------- */

struct seen {
	unsigned times;
	struct cek_jwe_error error;
	char *token;
};

static void saw(char *token, const struct cek_jwe_error *error, void *userdata)
{
	struct seen *seen = userdata;

	seen->times++;
	seen->error = *error;
	free(seen->token);
	seen->token = token;
}

static cek_jwe_op *start(struct fixture *fixture, const struct cek_jwe_params *params, const struct cek_jwk *to,
	struct seen *seen)
{
	cek_jwe_op *op = NULL;
	int code = cek_jwe_reencrypt_start(fixture->conn, &policy, fixture->token, strlen(fixture->token), params, to,
		1000, saw, seen, &op, NULL);

	assert_int_equal(code, CEK_JWE_OK);
	assert_non_null(op);
	assert_int_equal(seen->times, 0);
	return op;
}

/* Nothing of the arguments is needed afterwards. */
static void test_not_waiting(void **state)
{
	struct fixture *fixture = *state;
	char key[] = "second", enc[] = "A256GCM", cty[] = "at+jwt";
	struct cek_jwe_params params = {.key = key, .enc = enc, .cty = cty};
	struct seen seen = {0};

	start(fixture, &params, NULL, &seen);
	memset(key, 'x', sizeof(key) - 1);
	memset(enc, 'x', sizeof(enc) - 1);
	memset(cty, 'x', sizeof(cty) - 1);
	memset(&params, 0, sizeof(params));
	memset(fixture->token, 'x', strlen(fixture->token));
	while (seen.times == 0)
		assert_true(cek_conn_process(fixture->conn) > 0);
	assert_int_equal(seen.error.code, CEK_JWE_OK);
	assert_string_equal(last_key, "second");
	check_opens(fixture->conn, seen.token, "A256GCM", "at+jwt", "at");
	free(seen.token);
	assert_int_equal(cek_conn_process(fixture->conn), 0);
}

static json_t *header_of(const char *token)
{
	uint8_t json[2048];
	ssize_t len = b64u_decode(token, strcspn(token, "."), json, sizeof(json));

	assert_true(len >= 0);
	return json_loadb((const char *)json, (size_t)len, JSON_REJECT_DUPLICATES, NULL);
}

/* For a public key: one question, and the key's octets were copied. */
static void test_to_jwk(void **state)
{
	struct fixture *fixture = *state;
	char kid[] = "theirs", alg[] = "ECDH-ES+A256KW", crv[] = "X25519", kty[] = "OKP";
	uint8_t x[32] = {9};
	struct cek_jwk to = {.kid = kid, .alg = alg, .public_key = {.kty = kty, .crv = crv, .x = {x, sizeof(x)}}};
	const struct cek_jwe_params params = {.apu = {"Alice", 5}};
	struct seen seen = {0};
	unsigned calls = stub_calls(fixture->conn);
	json_t *header;

	start(fixture, &params, &to, &seen);
	memset(kid, 'x', sizeof(kid) - 1);
	memset(alg, 'x', sizeof(alg) - 1);
	memset(crv, 'x', sizeof(crv) - 1);
	memset(kty, 'x', sizeof(kty) - 1);
	memset(x, 0, sizeof(x)); /* a point that is refused */
	memset(&to, 0, sizeof(to));
	cek_conn_process(fixture->conn);
	assert_int_equal(seen.times, 1);
	assert_int_equal(seen.error.code, CEK_JWE_OK);
	assert_int_equal(stub_calls(fixture->conn), calls + 1);
	header = header_of(seen.token);
	assert_string_equal(json_string_value(json_object_get(header, "alg")), "ECDH-ES+A256KW");
	assert_string_equal(json_string_value(json_object_get(header, "enc")), "A128CBC-HS256");
	assert_string_equal(json_string_value(json_object_get(header, "kid")), "theirs");
	assert_string_equal(json_string_value(json_object_get(header, "cty")), "JWT");
	assert_string_equal(json_string_value(json_object_get(header, "apu")), "QWxpY2U");
	json_decref(header);
	free(seen.token);
}

/* What goes wrong on the way, and for each that nothing further was asked. */
static void test_failures(void **state)
{
	struct fixture *fixture = *state;
	const struct cek_jwe_params params = {.key = "second"}, no_key = {.key = NULL};
	const struct cek_jwk bad = {.alg = "RSA-OAEP", .public_key = {.kty = "oct"}};
	struct seen seen[5] = {0};
	unsigned calls = stub_calls(fixture->conn);

	unwrap_status = CEK_OVERLOADED;
	start(fixture, &params, NULL, &seen[0]);
	unwrap_status = CEK_OK;
	wrap_status = CEK_DENIED;
	start(fixture, &params, NULL, &seen[1]);
	start(fixture, &no_key, NULL, &seen[2]);
	start(fixture, &params, &bad, &seen[3]);
	change_tag(fixture->token);
	start(fixture, &params, NULL, &seen[4]);
	assert_int_equal(stub_calls(fixture->conn), calls + 5);
	while (cek_conn_process(fixture->conn) > 0)
		continue;
	assert_int_equal(stub_calls(fixture->conn), calls + 6);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(seen[i].times, 1);
		assert_null(seen[i].token);
	}
	assert_int_equal(seen[0].error.code, CEK_JWE_UNAVAILABLE);
	assert_int_equal(seen[0].error.status, CEK_OVERLOADED);
	assert_true(seen[0].error.temporary);
	assert_int_equal(seen[1].error.code, CEK_JWE_DENIED);
	assert_int_equal(seen[1].error.status, CEK_DENIED);
	assert_int_equal(seen[2].error.code, CEK_JWE_MALFORMED);
	assert_int_equal(seen[3].error.code, CEK_JWE_MALFORMED);
	assert_int_equal(seen[4].error.code, CEK_JWE_FAILED);
}

static void test_start_fails(void **state)
{
	struct fixture *fixture = *state;
	const struct cek_jwe_params params = {.key = "second"};
	struct cek_jwe_error error;
	struct seen seen = {0};

	assert_int_equal(cek_jwe_reencrypt_start(fixture->conn, &policy, "a.b.c", 5, &params, NULL, 1, saw, &seen, NULL,
				 &error),
		CEK_JWE_MALFORMED);
	assert_int_equal(cek_jwe_reencrypt_start(fixture->conn, NULL, fixture->token, strlen(fixture->token), &params,
				 NULL, 1, saw, &seen, NULL, &error),
		CEK_JWE_POLICY);
	stub_fail_start(fixture->conn, CEK_E_FULL);
	assert_int_equal(cek_jwe_reencrypt_start(fixture->conn, &policy, fixture->token, strlen(fixture->token),
				 &params, NULL, 1, saw, &seen, NULL, &error),
		CEK_JWE_UNAVAILABLE);
	assert_int_equal(error.status, CEK_E_FULL);
	assert_true(error.temporary);
	assert_int_equal(seen.times, 0);
	stub_fail_start(fixture->conn, CEK_OK);
	start(fixture, &params, NULL, &seen); /* and full when the second question comes */
	stub_fail_start(fixture->conn, CEK_E_FULL);
	cek_conn_process(fixture->conn);
	assert_int_equal(seen.times, 1);
	assert_int_equal(seen.error.status, CEK_E_FULL);
}

/* A hit in the cache opens the token without a question, and still no callback runs inside of the start. */
static void test_from_cache(void **state)
{
	struct fixture *fixture = *state;
	const struct cek_jwk to = {.alg = "ECDH-ES", .public_key = {"OKP", .crv = "X25519", .x = {"\x09", 1}}};
	const struct cek_jwe_params params = {.key = "second"};
	struct cek_jwe_policy cached = policy;
	struct seen seen = {0};
	unsigned calls = stub_calls(fixture->conn);
	cek_jwe *jwe = NULL;

	assert_int_equal(cek_jwe_cache_new(fixture->conn, 2, 60, &cached.cache), CEK_JWE_OK);
	assert_int_equal(cek_jwe_decrypt(fixture->conn, &cached, fixture->token, strlen(fixture->token), -1, &jwe,
				 NULL),
		CEK_JWE_OK);
	cek_jwe_free(jwe);
	assert_int_equal(cek_jwe_reencrypt_start(fixture->conn, &cached, fixture->token, strlen(fixture->token),
				 &params, &to, -1, saw, &seen, NULL, NULL),
		CEK_JWE_OK);
	assert_int_equal(seen.times, 0);
	cek_conn_process(fixture->conn);
	assert_int_equal(seen.times, 1);
	assert_int_equal(stub_calls(fixture->conn), calls + 1);
	cek_jwe_cache_free(cached.cache);
}

/* In both of its halves, and by the end of the connection. */
static void test_cancel(void **state)
{
	struct fixture *fixture = *state;
	const struct cek_jwe_params params = {.key = "second"};
	struct seen first = {0}, second = {0}, closed = {0};
	cek_jwe_op *op = start(fixture, &params, NULL, &first);

	cek_jwe_op_cancel(op);
	assert_int_equal(first.times, 1);
	assert_int_equal(first.error.code, CEK_JWE_UNAVAILABLE);
	assert_int_equal(first.error.status, CEK_E_CANCELLED);
	assert_false(first.error.temporary);
	op = start(fixture, &params, NULL, &second);
	stub_deliver_one(fixture->conn);
	assert_int_equal(second.times, 0);
	cek_jwe_op_cancel(op);
	assert_int_equal(second.times, 1);
	assert_int_equal(second.error.status, CEK_E_CANCELLED);
	start(fixture, &params, NULL, &closed);
	fixture->conn = cek_conn_free(fixture->conn);
	assert_int_equal(closed.times, 1);
	assert_int_equal(closed.error.status, CEK_E_CANCELLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_waiting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_waiting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_to_jwk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_from_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
