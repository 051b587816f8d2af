/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One public key that tokens are verified with: a JWK (RFC 7517) for signatures, ready for OpenSSL.
 */
#pragma once

#include <stdbool.h>

#include "client/jose/jwk.h"
#include "client/jose/jwt/alg.h"

struct signer {
	char *kid; /* NULL = none */
	const char *kty;
	const char *crv;           /* NULL: RSA */
	const struct jws_alg *alg; /* the only one, NULL = any that fits */
	EVP_PKEY *pkey;
};

/* JWK_OK, and the signer has to be deinited; JWK_IGNORED: not for signatures; JWK_MALFORMED: cannot be used, *ret_why
 * says why; JWK_NOMEM. */
enum jwk_result signer_init(struct signer *signer, const json_t *json, const char **ret_why);

/* Safe on a zeroed struct. */
void signer_deinit(struct signer *signer);

/* Whether this key may verify this alg: RFC 8725 sections 2.1 and 3.1, RFC 7518 section 3.4 (curve and hash go
 * together). */
bool signer_fits(const struct signer *signer, const struct jws_alg *alg);
