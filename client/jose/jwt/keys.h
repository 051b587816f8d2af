/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of signers, and which of them may have signed a token.
 */
#pragma once

#include "client/jose/jwt/cek-jwt.h"
#include "client/jose/jwt/signer.h"

struct cek_jwt_keys {
	struct jws_hashes hashes;
	struct signer *signers;
	size_t n_signers;
};

/* Fill ret_signers with those that the header's kid (NULL = none) and alg leave, at least one. NO_KEY for none, for
 * a kid that several keys of that alg carry, and without kid for more than there is room for. */
int keys_find(const cek_jwt_keys *keys, const struct jws_alg *alg, const char *kid,
	const struct signer *ret_signers[CEK_JWT_TRIES_MAX], size_t *ret_n, struct cek_jwe_error *error);
