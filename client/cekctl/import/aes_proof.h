/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CEK wrapped under an AES key that is to be imported: whoever can unwrap it has the key. Nothing else tells AES keys
 * apart.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/cekctl/import/private_key.h"

enum { AES_PROOF_CEK = 32 /* for A256GCM */ };

/* As in a JWE (RFC 7518 sections 4.4 and 4.7). */
struct aes_proof {
	uint8_t encrypted_key[AES_PROOF_CEK + 8];
	size_t encrypted_key_len;
	uint8_t iv[12], tag[16]; /* A*GCMKW */
	size_t iv_len, tag_len;
};

/* For key, an AES key for alg. 0 or -EIO. ret_cek is no key of anything, but nobody else's business. */
int aes_proof_make(const struct private_key *key, const struct alg *alg, uint8_t ret_cek[AES_PROOF_CEK],
	struct aes_proof *ret_proof);
