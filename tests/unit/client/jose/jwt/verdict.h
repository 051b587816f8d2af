/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of any header and payload, signed with jwt_key(), and what the library says of them.
 */
#pragma once

#include "client/jose/jwt/cek-jwt.h"

enum { NOW = 1700000000 };

/* What begins a policy of these tests: all algorithms, and the clock stands. */
extern const char *const all_algs[];
#define POLICY .size = sizeof(struct cek_jwt_policy), .algs = all_algs, .now = NOW

/* The set of one key, that of alg; members go into its JWK ("\"kid\":\"a\","). */
cek_jwt_keys *keys_of(const char *alg, const char *members);

/* Sign with the key of alg, verify with that key alone. Fails the test unless code comes out and details hold these
 * words. */
void expect(const struct cek_jwt_policy *policy, const char *alg, const char *header, const char *payload, int code,
	const char *details);

/* The same for a token and keys of one's own. *ret_jwt may be NULL; otherwise it is to be freed, NULL if refused. */
void expect_token(const cek_jwt_keys *keys, const struct cek_jwt_policy *policy, const char *token, int code,
	const char *details, cek_jwt **ret_jwt);

/* Claims alone, signed with ES256. */
void expect_claims(const struct cek_jwt_policy *policy, const char *payload, int code, const char *details);
