/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EME-OAEP decoding (RFC 8017 section 7.1.2 step 3) for tokens that do the bare RSA operation only, in constant time.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

enum { OAEP_EM_MAX = 512 };

/* The hash of RSA-OAEP as struct alg calls it: 1, 256, 384, 512. Fetched once. */
const EVP_MD *oaep_hash(unsigned hash_bits);

/* A token may have cut leading zeros off: move the len bytes at the front of em to its end and put zeros before them.
 * The steps taken depend on size only. size <= OAEP_EM_MAX, len <= size. */
void oaep_left_pad(uint8_t *em, size_t size, size_t len);

/* Decode em (as long as the modulus) with an empty label; MGF1 uses the same hash. ret_message holds em_len bytes. 0 or
 * -EBADMSG, whatever is wrong. */
int oaep_decode(const EVP_MD *hash, const uint8_t *em, size_t em_len, uint8_t *ret_message, size_t *ret_len);
