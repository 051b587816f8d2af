/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of a signed JWT, for tests: signing keys, their public JWKs, and tokens of any header and payload.
 * Failures are assertions.
 */
#pragma once

#include <stddef.h>

#include <openssl/evp.h>

/* A fresh key for an alg; those of one alg and rsa_bits (0 = 2048) are made once, and last until the end. */
EVP_PKEY *jwt_key(const char *alg, unsigned rsa_bits);

/* Its public JWK, with these members in front ("\"kid\":\"a\","); for free(3). */
char *jwt_jwk(EVP_PKEY *pkey, const char *members);

/* header.payload.signature in base64url of whatever texts; for free(3). An alg of JWS, also HS256 with the key's SPKI
 * in PEM as the secret, or "none". */
char *jwt_sign(EVP_PKEY *pkey, const char *alg, const char *header, const char *payload);

/* The same for octets that need no text. */
char *jwt_sign_octets(EVP_PKEY *pkey, const char *alg, const void *header, size_t header_len, const void *payload,
	size_t payload_len);
