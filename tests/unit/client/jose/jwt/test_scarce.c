/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each function of libcek-jose once for each of its allocations, with that one failing, those of jansson and OpenSSL
 * too: it refuses, or does what it does with all the memory, and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "client/jose/cek-jose.h"
#include "tests/unit/client/jose/jwt/make_jwt.h"
#include "tests/unit/client/jose/jwt/verdict.h"
#include "tests/unit/client/jose/make_token.h"
#include "tests/unit/client/jose/stub_cek.h"
#include "tests/unit/scarce.h"

#define X "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ"
#define JWKS "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X "\",\"alg\":\"ECDH-ES\",\"kid\":\"a\"}]}"

static const char inner[] = "inner";
static const char *const algs[] = {"A256KW", NULL}, *const encs[] = {"A256GCM", NULL};
static const struct cek_jwe_params params = {.key = "to", .enc = "A256GCM", .typ = "JOSE"};
static struct cek_jwe_policy policy = {.algs = algs, .encs = encs, .key = "from"};
static cek_conn *conn;
static char *token, *jwt_token, *jwt_set;

static void unwrap(const struct cek_unwrap *args, struct stub_answer *answer)
{
	answer->kid = "version-1";
	answer->key = "from";
	answer->cek_len = 32;
	memcpy(answer->cek, make_token_cek, 32);
}

static void wrap(const struct cek_wrap *args, struct stub_answer *answer)
{
	answer->kid = "v7";
	answer->key = "to";
	answer->alg = "A256KW";
	answer->cek_len = 32;
	memcpy(answer->cek, make_token_cek, 32);
	answer->encrypted_key_len = 40;
}

/* ---- calls --------------------------------------------------------------------------------------------------- */

/* Its code; what came is looked at and freed. */
typedef int call_fn(void);

/* OpenSSL 3.0 itself uses what it was not given when it makes the context of a KDF. */
static bool crypto_has_enough;

static void assert_inner(cek_jwe *jwe)
{
	assert_non_null(jwe);
	assert_int_equal(cek_jwe_plaintext(jwe).len, sizeof(inner) - 1);
	assert_memory_equal(cek_jwe_plaintext(jwe).data, inner, sizeof(inner) - 1);
	cek_jwe_free(jwe);
}

/* What a call made is freed by whoever has all the memory. */
static int ended(int code)
{
	scarce_on(false);
	return code;
}

static int decrypt(void)
{
	cek_jwe *jwe = NULL;
	int r = ended(cek_jwe_decrypt(conn, &policy, token, strlen(token), -1, &jwe, NULL));

	if (r == CEK_JWE_OK)
		assert_inner(jwe);
	else
		assert_null(jwe);
	return r;
}

static struct {
	unsigned count;
	int code;
} told;

static void on_decrypted(cek_jwe *jwe, const struct cek_jwe_error *error, void *userdata)
{
	told.count++;
	told.code = error->code;
	if (error->code == CEK_JWE_OK)
		assert_inner(jwe);
	else
		assert_null(jwe);
}

static int decrypt_start(void)
{
	int r;

	told.count = 0;
	r = cek_jwe_decrypt_start(conn, &policy, token, strlen(token), -1, on_decrypted, NULL, NULL, NULL);
	if (r == CEK_JWE_OK)
		(void)cek_conn_process(conn);
	(void)ended(r);
	assert_int_equal(told.count, r == CEK_JWE_OK);
	return r == CEK_JWE_OK ? told.code : r;
}

static int decrypt_cached(void)
{
	cek_jwe_cache *cache = NULL;
	cek_jwe *jwe = NULL;
	int r = cek_jwe_cache_new(conn, 8, 60, &cache);

	if (r != CEK_JWE_OK)
		return ended(r);
	policy.cache = cache;
	r = ended(cek_jwe_decrypt(conn, &policy, token, strlen(token), -1, &jwe, NULL));
	policy.cache = NULL;
	if (r == CEK_JWE_OK)
		assert_inner(jwe);
	cek_jwe_cache_free(cache);
	return r;
}

/* A token that this side opens. */
static void assert_opens(char *made)
{
	cek_jwe *jwe = NULL;

	assert_non_null(made);
	assert_int_equal(cek_jwe_decrypt(conn, &policy, made, strlen(made), -1, &jwe, NULL), CEK_JWE_OK);
	assert_inner(jwe);
	free(made);
}

static int encrypt(void)
{
	char *made = NULL;
	int r = ended(cek_jwe_encrypt(conn, &params, inner, sizeof(inner) - 1, -1, &made, NULL));

	if (r == CEK_JWE_OK)
		assert_opens(made);
	else
		assert_null(made);
	return r;
}

static void on_encrypted(char *made, const struct cek_jwe_error *error, void *userdata)
{
	told.count++;
	told.code = error->code;
	scarce_on(false);
	if (error->code == CEK_JWE_OK)
		assert_opens(made);
	else
		assert_null(made);
}

static int encrypt_start(void)
{
	int r;

	told.count = 0;
	r = cek_jwe_encrypt_start(conn, &params, inner, sizeof(inner) - 1, -1, on_encrypted, NULL, NULL, NULL);
	for (int i = 0; r == CEK_JWE_OK && i < 4 && told.count == 0; i++)
		(void)cek_conn_process(conn);
	(void)ended(r);
	assert_int_equal(told.count, r == CEK_JWE_OK);
	return r == CEK_JWE_OK ? told.code : r;
}

static int reencrypt(void)
{
	char *made = NULL;
	int r = ended(cek_jwe_reencrypt(conn, &policy, token, strlen(token), &params, -1, &made, NULL));

	if (r == CEK_JWE_OK)
		assert_opens(made);
	return r;
}

static int encrypt_to(void)
{
	const struct cek_jwe_params to = {.enc = "A256GCM"};
	char *made = NULL, *json = NULL, *pem = NULL;
	cek_jwks *jwks = NULL;
	int r = cek_jwks_parse(JWKS, strlen(JWKS), &jwks, NULL);

	crypto_has_enough = true;
	if (r == CEK_JWE_OK)
		r = cek_jwe_encrypt_to(cek_jwks_get(jwks, 0), &to, inner, sizeof(inner) - 1, &made, NULL);
	crypto_has_enough = false;
	if (r == CEK_JWE_OK)
		r = cek_jwks_write(jwks, true, &json, NULL);
	if (r == CEK_JWE_OK)
		r = cek_jwk_pem(&cek_jwks_get(jwks, 0)->public_key, &pem, NULL);
	(void)ended(r);
	if (r == CEK_JWE_OK) {
		assert_non_null(strstr(json, X));
		assert_non_null(strstr(pem, "BEGIN PUBLIC KEY"));
	}
	free(made);
	free(json);
	free(pem);
	cek_jwks_free(jwks);
	return r;
}

static int verify(void)
{
	static const struct cek_jwt_policy jwt_policy = {POLICY};
	cek_jwt_keys *keys = NULL;
	cek_jwt *jwt = NULL;
	int r = cek_jwt_keys_parse(jwt_set, strlen(jwt_set), &keys, NULL);

	if (r == CEK_JWE_OK)
		r = cek_jwt_verify(keys, &jwt_policy, jwt_token, strlen(jwt_token), &jwt, NULL);
	(void)ended(r);
	if (r == CEK_JWE_OK)
		assert_non_null(jwt);
	else
		assert_null(jwt);
	cek_jwt_free(jwt);
	cek_jwt_keys_free(keys);
	return r;
}

#define ROW(name)           \
	{                   \
#name, name \
	}

static const struct {
	const char *name;
	call_fn *call;
} rows[] = {
	ROW(decrypt),
	ROW(decrypt_start),
	ROW(decrypt_cached),
	ROW(encrypt),
	ROW(encrypt_start),
	ROW(reencrypt),
	ROW(encrypt_to),
	ROW(verify),
};

static void test_each_function_at_each_allocation(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = 0, refused = 0;
		bool failed;

		do {
			int r;

			scarce_arm(++n);
			scarce_on(true);
			r = rows[i].call();
			scarce_on(false);
			failed = scarce_failed();
			scarce_arm(0);
			if (!failed)
				assert_int_equal(r, CEK_JWE_OK);
			refused += r != CEK_JWE_OK;
		} while (failed);
		print_message("# %s: %zu allocations, refused for %zu\n", rows[i].name, n - 1, refused);
		assert_true(refused > 0);
	}
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
	void *data;

	scarce_pause(crypto_has_enough);
	data = scarce_malloc(size);
	scarce_pause(false);
	return data;
}

static void *crypto_realloc(void *data, size_t size, const char *file, int line)
{
	void *more;

	scarce_pause(crypto_has_enough);
	more = scarce_realloc(data, size);
	scarce_pause(false);
	return more;
}

static void crypto_free(void *data, const char *file, int line)
{
	scarce_free(data);
}

static int setup(void **state)
{
	char *jwk;

	conn = stub_conn(unwrap, wrap);
	token = make_token(&(struct token_parts){.plaintext = inner, .len = sizeof(inner) - 1});
	jwk = jwt_jwk(jwt_key("ES256", 0), "");
	assert_true(asprintf(&jwt_set, "{\"keys\":[%s]}", jwk) > 0);
	free(jwk);
	jwt_token = jwt_sign(jwt_key("ES256", 0), "ES256", "{\"alg\":\"ES256\"}", "{\"exp\":1700000600}");
	return 0;
}

static int teardown(void **state)
{
	cek_conn_free(conn);
	free(token);
	free(jwt_set);
	free(jwt_token);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_function_at_each_allocation),
	};

	if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1)
		return 1;
	return cmocka_run_group_tests(tests, setup, teardown);
}
