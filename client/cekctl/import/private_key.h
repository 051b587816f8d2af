/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private key as ImportKey wants it, in OpenSSL's secure heap: locked, not dumped, wiped when it is freed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "client/cekctl/import/private_why.h"
#include "proto/alg.h"

enum { PRIVATE_DER_MAX = 4096 }; /* bytes of a PKCS#8 PrivateKeyInfo: RSA-4096 takes 2,375 */

/* kty is "RSA", "EC", "OKP" or "oct"; public parts as in cek.proto. */
struct private_key {
	char kty[4];
	const char *crv;
	uint8_t n[512], e[8], x[66], y[66];
	size_t n_len, e_len, x_len, y_len;
	uint8_t *secret; /* secure heap: PKCS#8 PrivateKeyInfo in DER, or an AES key */
	size_t secret_len;
};

/* Set up the secure heap. 0, or -ENOMEM. Once, before anything else here. */
int private_key_setup(void);

/* A key of RSA, EC or X25519 for alg; pkey is freed in any case. NULL has been refused before: why stands. 0, or
 * -EINVAL with one English phrase in why. */
int private_key_of(EVP_PKEY *pkey, const struct alg *alg, struct private_key *ret_key, char why[PRIVATE_WHY]);

/* An AES key, which is copied. The same. */
int private_key_of_octets(const uint8_t *octets, size_t len, const struct alg *alg, struct private_key *ret_key,
	char why[PRIVATE_WHY]);

/* Whether both are one key. */
bool private_key_same(const struct private_key *a, const struct private_key *b);

/* Wipe. Safe on a zeroed struct. */
void private_key_deinit(struct private_key *key);
