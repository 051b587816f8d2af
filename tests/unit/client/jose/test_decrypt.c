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
#include "tests/unit/client/jose/make_token.h"
#include "tests/unit/client/jose/stub_cek.h"
#include "tests/unit/client/jose/vectors.h"

static const char *const algs[] = {"A128KW", "RSA-OAEP", "ECDH-ES", NULL};
static const char *const encs[] = {"A128GCM", "A256GCM", "A128CBC-HS256", NULL};

/* RFC 7520 5.8: A128KW, A128GCM, with a kid. */
static json_t *file;
static char *kw_token;
static uint8_t kw_cek[16];

/* What the stand-in for cekd does next. */
static struct {
	int status, reason;
	unsigned right; /* candidate that gives the right CEK */
	unsigned candidates;
	struct cek_unwrap last;
	char last_kid[64], last_key[64];
} cekd;

static void unwrap(const struct cek_unwrap *args, struct stub_answer *answer)
{
	cekd.last = *args;
	(void)snprintf(cekd.last_kid, sizeof(cekd.last_kid), "%s", args->kid ? args->kid : "(none)");
	(void)snprintf(cekd.last_key, sizeof(cekd.last_key), "%s", args->key ? args->key : "(none)");
	answer->status = cekd.status;
	answer->reason = cekd.reason;
	answer->kid = "version-1";
	answer->key = "tokens";
	answer->candidates = cekd.candidates;
	answer->cek_len = strcmp(args->enc, "A128GCM") == 0 ? 16 : 32;
	memcpy(answer->cek, answer->cek_len == 16 ? kw_cek : make_token_cek, answer->cek_len);
	if (args->candidate != cekd.right)
		answer->cek[0] ^= 1;
}

static int setup(void **state)
{
	static const char vector[] = "cookbook/jwe__5_8.key_wrap_using_aes-keywrap_with_aes-gcm.json";
	const json_t *output;

	(void)state;
	file = vectors_load(vector);
	output = json_object_get(file, "output");
	kw_token = strdup(json_string_value(json_object_get(output, "compact")));
	assert_int_equal(vectors_b64u(json_object_get(file, "generated"), "cek", kw_cek, sizeof(kw_cek)), 16);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(file);
	free(kw_token);
	return 0;
}

static const char plaintext[] = "You can trust us to stick with you through thick and thin";

static struct cek_jwe_policy policy_for(const char *key)
{
	return (struct cek_jwe_policy){.algs = algs, .encs = encs, .key = key};
}

static int decrypt(cek_conn *conn, const char *token, const char *key, cek_jwe **ret_jwe, struct cek_jwe_error *error)
{
	struct cek_jwe_policy policy = policy_for(key);

	return cek_jwe_decrypt(conn, &policy, token, strlen(token), 1000, ret_jwe, error);
}

static void test_waiting(void **state)
{
	cek_conn *conn = stub_conn(unwrap, NULL);
	struct cek_jwe_error error;
	cek_jwe *jwe = NULL;

	(void)state;
	memset(&cekd, 0, sizeof(cekd));
	memset(&error, 'x', sizeof(error));
	assert_int_equal(decrypt(conn, kw_token, "tokens", &jwe, &error), CEK_JWE_OK);
	assert_int_equal(error.code, CEK_JWE_OK);
	assert_string_equal(error.details, "");
	assert_memory_equal(cek_jwe_plaintext(jwe).data, plaintext, strlen(plaintext));
	assert_string_equal(cek_jwe_key(jwe), "tokens");
	assert_string_equal(cek_jwe_version(jwe), "version-1");
	assert_string_equal(cek_jwe_kid(jwe), "81b20965-8332-43d9-a468-82160ad91ac8");
	assert_false(cek_jwe_from_cache(jwe));
	assert_string_equal(cekd.last_kid, "81b20965-8332-43d9-a468-82160ad91ac8");
	assert_string_equal(cekd.last_key, "tokens");
	assert_int_equal(cekd.last.encrypted_key.len, 24);
	cek_jwe_free(jwe);
	jwe = NULL;
	assert_int_equal(decrypt(conn, kw_token, NULL, &jwe, NULL), CEK_JWE_OK); /* by kid alone */
	assert_string_equal(cekd.last_key, "(none)");
	cek_jwe_free(jwe);
	cek_conn_free(conn);
}

/* A refused token costs no question. */
static void test_refused_without_rpc(void **state)
{
	cek_conn *conn = stub_conn(unwrap, NULL);
	struct cek_jwe_error error;
	cek_jwe *jwe = NULL;

	(void)state;
	assert_int_equal(decrypt(conn, "e30....", "tokens", &jwe, &error), CEK_JWE_MALFORMED);
	assert_string_equal(error.details, "header, alg: missing");
	assert_int_equal(stub_calls(conn), 0);
	assert_null(jwe);
	cek_conn_free(conn);
}

static void test_statuses(void **state)
{
	static const struct {
		int status, code;
	} rows[] = {
		{CEK_MALFORMED, CEK_JWE_MALFORMED},
		{CEK_TOO_LARGE, CEK_JWE_TOO_LARGE},
		{CEK_DEADLINE, CEK_JWE_UNAVAILABLE},
		{CEK_INTERNAL, CEK_JWE_UNAVAILABLE},
		{CEK_FAILED, CEK_JWE_FAILED},
		{CEK_UNKNOWN_KEY, CEK_JWE_NO_KEY},
		{CEK_UNUSABLE, CEK_JWE_NO_KEY},
		{CEK_DENIED, CEK_JWE_DENIED},
		{CEK_UNAVAILABLE, CEK_JWE_UNAVAILABLE},
		{CEK_OVERLOADED, CEK_JWE_UNAVAILABLE},
		{CEK_UNSUPPORTED, CEK_JWE_POLICY},
		{CEK_NOT_IMPLEMENTED, CEK_JWE_POLICY},
		{CEK_E_CONNECT, CEK_JWE_UNAVAILABLE},
		{CEK_E_DISCONNECTED, CEK_JWE_UNAVAILABLE},
		{CEK_E_TIMEOUT, CEK_JWE_UNAVAILABLE},
		{CEK_E_PROTOCOL, CEK_JWE_UNAVAILABLE},
		{4711, CEK_JWE_UNAVAILABLE},
	};
	cek_conn *conn = stub_conn(unwrap, NULL);
	struct cek_jwe_error error;
	cek_jwe *jwe = NULL;

	(void)state;
	memset(&cekd, 0, sizeof(cekd));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cekd.status = rows[i].status;
		cekd.reason = CEK_REASON_SUSPENDED;
		assert_int_equal(decrypt(conn, kw_token, "tokens", &jwe, &error), rows[i].code);
		assert_int_equal(error.code, rows[i].code);
		assert_int_equal(error.status, rows[i].code == CEK_JWE_FAILED ? CEK_OK : rows[i].status);
		assert_int_equal(error.reason, rows[i].code == CEK_JWE_FAILED ? CEK_REASON_NONE : CEK_REASON_SUSPENDED);
		assert_null(jwe);
		if (rows[i].code == CEK_JWE_FAILED)
			assert_string_equal(error.details, "");
		else
			assert_string_equal(error.details, "a sentence of cekd");
	}
	cekd.status = CEK_FAILED;
	cekd.reason = CEK_REASON_UNTRIED;
	assert_int_equal(decrypt(conn, kw_token, "tokens", &jwe, &error), CEK_JWE_FAILED);
	assert_int_equal(error.reason, CEK_REASON_UNTRIED);
	stub_fail_start(conn, CEK_E_NOMEM);
	assert_int_equal(decrypt(conn, kw_token, "tokens", &jwe, &error), CEK_JWE_NOMEM);
	stub_fail_start(conn, CEK_E_INVALID);
	assert_int_equal(decrypt(conn, kw_token, "tokens", &jwe, &error), CEK_JWE_MALFORMED);
	cek_conn_free(conn);
}

/* FAILED from cekd and a tag that does not verify here are told apart by nothing. */
static void test_failed_is_uniform(void **state)
{
	cek_conn *conn = stub_conn(unwrap, NULL);
	struct cek_jwe_error by_cekd, by_tag;
	cek_jwe *jwe = NULL;

	(void)state;
	memset(&by_cekd, 'a', sizeof(by_cekd));
	memset(&by_tag, 'b', sizeof(by_tag));
	memset(&cekd, 0, sizeof(cekd));
	cekd.status = CEK_FAILED;
	assert_int_equal(decrypt(conn, kw_token, "tokens", &jwe, &by_cekd), CEK_JWE_FAILED);
	cekd.status = CEK_OK;
	cekd.right = 1; /* so candidate 0 gets a wrong CEK */
	assert_int_equal(decrypt(conn, kw_token, "tokens", &jwe, &by_tag), CEK_JWE_FAILED);
	assert_memory_equal(&by_cekd, &by_tag, sizeof(by_tag));
	assert_null(jwe);
	cek_conn_free(conn);
}

#define X25519_EPK "\"epk\":{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA\"}"

/* ECDH-ES: an empty encrypted key, so it is cut out of the token. */
static char *ecdh_token(const char *header)
{
	char *token = make_token(&(struct token_parts){header, .plaintext = "inner", .len = 5});
	char *first = strchr(token, '.'), *second = strchr(first + 1, '.');

	memmove(first + 1, second, strlen(second) + 1);
	return token;
}

static void check_candidates(const char *header, unsigned max_versions, unsigned candidates, unsigned right, int code,
	unsigned calls)
{
	cek_conn *conn = stub_conn(unwrap, NULL);
	struct cek_jwe_policy policy = policy_for("tokens");
	char *token = ecdh_token(header);
	cek_jwe *jwe = NULL;

	memset(&cekd, 0, sizeof(cekd));
	cekd.candidates = candidates;
	cekd.right = right;
	policy.max_versions = max_versions;
	assert_int_equal(cek_jwe_decrypt(conn, &policy, token, strlen(token), -1, &jwe, NULL), code);
	assert_int_equal(stub_calls(conn), calls);
	assert_true((code == CEK_JWE_OK) == (jwe != NULL));
	cek_jwe_free(jwe);
	cek_conn_free(conn);
	free(token);
}

/* Only the tag tells which version an ECDH-ES token without kid was made for. */
static void test_candidates(void **state)
{
	static const char no_kid[] = "{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\"," X25519_EPK "}";
	static const char kid[] = "{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"kid\":\"k\"," X25519_EPK "}";

	(void)state;
	check_candidates(no_kid, 0, 3, 0, CEK_JWE_OK, 1);
	check_candidates(no_kid, 0, 3, 2, CEK_JWE_OK, 3);
	check_candidates(no_kid, 0, 3, 3, CEK_JWE_FAILED, 3);
	check_candidates(no_kid, 0, 9, 9, CEK_JWE_FAILED, CEK_JWE_VERSIONS_DEFAULT);
	check_candidates(no_kid, 2, 9, 2, CEK_JWE_FAILED, 2);
	check_candidates(no_kid, 3, 9, 2, CEK_JWE_OK, 3);
	check_candidates(no_kid, 1000, 1000, 999, CEK_JWE_FAILED, CEK_JWE_VERSIONS_MAX);
	check_candidates(kid, 0, 3, 1, CEK_JWE_FAILED, 1);
}

/* ---- without waiting --------------------------------------------------------------------------------------------- */

struct seen {
	unsigned times;
	int code;
	int status;
	cek_jwe *jwe;
};

static void saw(cek_jwe *jwe, const struct cek_jwe_error *error, void *userdata)
{
	struct seen *seen = userdata;

	seen->times++;
	seen->code = error->code;
	seen->status = error->status;
	seen->jwe = jwe;
}

static int start(cek_conn *conn, const char *token, struct seen *seen, cek_jwe_op **ret_op)
{
	struct cek_jwe_policy policy = policy_for("tokens");

	return cek_jwe_decrypt_start(conn, &policy, token, strlen(token), 1000, saw, seen, ret_op, NULL);
}

static void test_not_waiting(void **state)
{
	cek_conn *conn = stub_conn(unwrap, NULL);
	char *token = strdup(kw_token);
	struct seen seen = {0};
	cek_jwe_op *op = NULL;

	(void)state;
	memset(&cekd, 0, sizeof(cekd));
	assert_int_equal(start(conn, token, &seen, &op), CEK_JWE_OK);
	assert_non_null(op);
	memset(token, 'x', strlen(token)); /* it is not needed any more */
	free(token);
	assert_int_equal(seen.times, 0);
	cek_conn_process(conn);
	assert_int_equal(seen.times, 1);
	assert_int_equal(seen.code, CEK_JWE_OK);
	assert_memory_equal(cek_jwe_plaintext(seen.jwe).data, plaintext, strlen(plaintext));
	cek_jwe_free(seen.jwe);
	cek_conn_free(conn);
	assert_int_equal(seen.times, 1);
}

static void test_candidates_not_waiting(void **state)
{
	cek_conn *conn = stub_conn(unwrap, NULL);
	char *token = ecdh_token("{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\"," X25519_EPK "}");
	struct seen seen = {0};
	cek_jwe_op *op = NULL;

	(void)state;
	memset(&cekd, 0, sizeof(cekd));
	cekd.candidates = 2;
	cekd.right = 1;
	assert_int_equal(start(conn, token, &seen, &op), CEK_JWE_OK);
	while (seen.times == 0)
		cek_conn_process(conn);
	assert_int_equal(seen.code, CEK_JWE_OK);
	cek_jwe_free(seen.jwe);
	assert_int_equal(stub_calls(conn), 2);
	seen = (struct seen){0};
	cekd.right = 2;
	assert_int_equal(start(conn, token, &seen, &op), CEK_JWE_OK);
	while (seen.times == 0)
		cek_conn_process(conn);
	assert_int_equal(seen.times, 1);
	assert_int_equal(seen.code, CEK_JWE_FAILED);
	free(token);
	cek_conn_free(conn);
}

static void test_cancel(void **state)
{
	cek_conn *conn = stub_conn(unwrap, NULL);
	struct seen seen = {0}, closed = {0};
	cek_jwe_op *op = NULL;

	(void)state;
	memset(&cekd, 0, sizeof(cekd));
	assert_int_equal(start(conn, kw_token, &seen, &op), CEK_JWE_OK);
	cek_jwe_op_cancel(NULL);
	cek_jwe_op_cancel(op);
	assert_int_equal(seen.times, 1);
	assert_int_equal(seen.code, CEK_JWE_UNAVAILABLE);
	assert_int_equal(seen.status, CEK_E_CANCELLED);
	assert_null(seen.jwe);
	assert_int_equal(start(conn, kw_token, &closed, NULL), CEK_JWE_OK);
	cek_conn_free(conn);
	assert_int_equal(closed.times, 1);
	assert_int_equal(closed.code, CEK_JWE_UNAVAILABLE);
}

static void test_start_fails(void **state)
{
	cek_conn *conn = stub_conn(unwrap, NULL);
	struct seen seen = {0};

	(void)state;
	assert_int_equal(start(conn, "e30....", &seen, NULL), CEK_JWE_MALFORMED);
	stub_fail_start(conn, CEK_E_FULL);
	assert_int_equal(start(conn, kw_token, &seen, NULL), CEK_JWE_UNAVAILABLE);
	assert_int_equal(seen.times, 0);
	cek_conn_free(conn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_refused_without_rpc),
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_failed_is_uniform),
		cmocka_unit_test(test_candidates),
		cmocka_unit_test(test_not_waiting),
		cmocka_unit_test(test_candidates_not_waiting),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_start_fails),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
