/* SPDX-License-Identifier: Apache-2.0 */
/* What every token meets, whatever its claims: parts, algorithms, keys, what is handed out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/jose/jwt/cek-jwt.h"
#include "tests/unit/client/jose/jwt/make_jwt.h"

enum { NOW = 1700000000 };

static const char *const algs[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
	"EdDSA", "Ed25519", "Ed448", NULL};
static const struct cek_jwt_policy policy = {.size = sizeof(policy), .algs = algs, .now = NOW};
static const char claims[] = "{\"exp\":1700000600,\"sub\":\"alice\"}";
static struct cek_jwe_error error;

/* A set of one key, for all that signs with this alg. */
static cek_jwt_keys *keys_of(EVP_PKEY *pkey, const char *members)
{
	char *jwk = jwt_jwk(pkey, members);
	cek_jwt_keys *keys = NULL;

	assert_int_equal(cek_jwt_keys_parse(jwk, strlen(jwk), &keys, &error), CEK_JWE_OK);
	free(jwk);
	return keys;
}

static char *sign(const char *alg, EVP_PKEY *pkey)
{
	char header[64];

	(void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", alg);
	return jwt_sign(pkey, alg, header, claims);
}

static void test_algorithms(void **state)
{
	(void)state;
	for (size_t i = 0; algs[i]; i++) {
		EVP_PKEY *pkey = jwt_key(algs[i], 0);
		cek_jwt_keys *keys = keys_of(pkey, "");
		char *token = sign(algs[i], pkey);
		cek_jwt *jwt = NULL;

		assert_int_equal(cek_jwt_verify(keys, &policy, token, strlen(token), &jwt, &error), CEK_JWE_OK);
		assert_int_equal(cek_jwt_expires(jwt), 1700000600);
		assert_memory_equal(cek_jwt_payload(jwt).data, claims, sizeof(claims));
		cek_jwt_free(jwt);
		token[strlen(token) - 8] = token[strlen(token) - 8] == 'A' ? 'B' : 'A';
		jwt = NULL;
		assert_int_equal(cek_jwt_verify(keys, &policy, token, strlen(token), &jwt, &error), CEK_JWE_FAILED);
		assert_null(jwt);
		assert_string_equal(error.details, "");
		free(token);
		cek_jwt_keys_free(keys);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_algorithms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
