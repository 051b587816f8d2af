/* SPDX-License-Identifier: Apache-2.0 */
/* verdict.h */
#include "tests/unit/client/jose/jwt/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/client/jose/jwt/make_jwt.h"

const char *const all_algs[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
	"EdDSA", "Ed25519", "Ed448", NULL};

cek_jwt_keys *keys_of(const char *alg, const char *members)
{
	char *jwk = jwt_jwk(jwt_key(alg, 0), members);
	struct cek_jwe_error error = {0};
	cek_jwt_keys *keys = NULL;

	if (cek_jwt_keys_parse(jwk, strlen(jwk), &keys, &error) != CEK_JWE_OK || error.details[0] != '\0')
		fail_msg("%s: %s %s", jwk, cek_jwe_code_name(error.code), error.details);
	assert_int_equal(cek_jwt_keys_count(keys), 1);
	free(jwk);
	return keys;
}

void expect_token(const cek_jwt_keys *keys, const struct cek_jwt_policy *policy, const char *token, int code,
	const char *details, cek_jwt **ret_jwt)
{
	size_t len = strlen(token);
	char *exact = malloc(len > 0 ? len : 1); /* no NUL behind: ASan tells who looks */
	struct cek_jwe_error error = {.code = -1, .details = "?"};
	cek_jwt *jwt = NULL;
	int got;

	memcpy(exact, token, len);
	got = cek_jwt_verify(keys, policy, exact, len, &jwt, &error);
	free(exact);
	if (got != code || error.code != code || !strstr(error.details, details) ||
		(details[0] == '\0') != (error.details[0] == '\0'))
		fail_msg("%s: %s %s, not %s %s", token, cek_jwe_code_name(got), error.details, cek_jwe_code_name(code),
			details);
	assert_int_equal(jwt != NULL, code == CEK_JWE_OK);
	if (ret_jwt)
		*ret_jwt = jwt;
	else
		cek_jwt_free(jwt);
}

void expect(const struct cek_jwt_policy *policy, const char *alg, const char *header, const char *payload, int code,
	const char *details)
{
	char *token = jwt_sign(jwt_key(alg, 0), alg, header, payload);
	cek_jwt_keys *keys = keys_of(alg, "");

	expect_token(keys, policy, token, code, details, NULL);
	cek_jwt_keys_free(keys);
	free(token);
}

void expect_claims(const struct cek_jwt_policy *policy, const char *payload, int code, const char *details)
{
	expect(policy, "ES256", "{\"alg\":\"ES256\"}", payload, code, details);
}
