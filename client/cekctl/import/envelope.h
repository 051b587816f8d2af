/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a private key travels to the token (ImportKeyRequest in cek.proto): a fresh AES-256 key under the token's
 * transport key by RSA-OAEP with SHA-1 (RFC 8017 section 7.1), the private key under that AES key by AES key wrap with
 * padding (RFC 5649). Nobody between here and the token can open it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/cekctl/import/private_key.h"

struct envelope {
	uint8_t aes_key[512]; /* encrypted */
	size_t aes_key_len;
	uint8_t key[PRIVATE_DER_MAX + 16]; /* encrypted */
	size_t key_len;
};

/* n, e: the transport key. 0; -EINVAL if that is no RSA key of at least 2048 bits; -EIO if OpenSSL fails. */
int envelope_seal(const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len, const struct private_key *key,
	struct envelope *ret_envelope);
