/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private key out of a file: a JWK (RFC 7517, RFC 7518 section 6, RFC 8037) or PEM. Read strictly, into OpenSSL's
 * secure heap: locked, not dumped, wiped when it is freed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/cekctl/import/private_why.h"
#include "proto/alg.h"

enum {
	PRIVATE_FILE_MAX = 32768, /* bytes of a key file */
	PRIVATE_DER_MAX = 4096,   /* bytes of a PKCS#8 PrivateKeyInfo: RSA-4096 takes 2,375 */
};

/* What ImportKey wants. kty is "RSA", "EC", "OKP" or "oct"; public parts as in cek.proto. */
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

/* Read data as a key for alg; it is wiped by the caller. 0, or -EINVAL with one English phrase in why. */
int private_key_read(const char *data, size_t len, const struct alg *alg, struct private_key *ret_key,
	char why[PRIVATE_WHY]);

/* Wipe. Safe on a zeroed struct. */
void private_key_deinit(struct private_key *key);
