/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private JWKs as OpenSSL keys.
 */
#pragma once

#include <jansson.h>
#include <openssl/evp.h>

#include "client/cekctl/import/private_why.h"
#include "proto/alg.h"

/* An RSA, EC or OKP key with all its members; private_check() says whether they agree. NULL with one English phrase in
 * why. */
EVP_PKEY *private_jwk_read(const json_t *jwk, char why[PRIVATE_WHY]);

/* Whether the members that say what the JWK is for (alg, use, key_ops) allow alg. 0 or -EINVAL with why. */
int private_jwk_check_use(const json_t *jwk, const struct alg *alg, char why[PRIVATE_WHY]);

/* A member in base64url: its octets into data. Returns their number, or -EINVAL with why. */
int private_jwk_octets(const json_t *jwk, const char *name, uint8_t *data, size_t size, char why[PRIVATE_WHY]);
