/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of JWE key management that no token does, as a gateway that calls PKCS#11 by itself would have to do them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "case.h"

/* RFC 7518 section 4.6.2 without party information: the AES-256 wrapping key of ECDH-ES+A256KW. */
bool crypto_concat_kdf(const unsigned char *secret, size_t len, unsigned char ret_key[32]);

/* RFC 3394 with an AES-256 key: the CEK of encrypted_key, whose length is returned, 0 = failed. */
size_t crypto_unwrap(const unsigned char key[32], const struct bytes *encrypted_key, unsigned char *ret_cek);

/* RFC 8017 section 7.1.2, step 3, with SHA-256: the message in a decrypted block; its length, 0 = failed. */
size_t crypto_oaep_decode(const unsigned char *block, size_t len, unsigned char *ret_message, size_t size);
