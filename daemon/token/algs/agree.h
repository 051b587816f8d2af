/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows the key agreement of ECDH-ES outside the token: Concat KDF (RFC 7518 section 4.6.2, NIST SP 800-56A) and
 * AES key wrap (RFC 3394) with its result.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Derive ret_len bytes from the shared secret z. algorithm_id is the enc for direct agreement, else the alg. 0 or
 * -errno. */
int agree_kdf(const uint8_t *z, size_t z_len, const char *algorithm_id, const uint8_t *apu, size_t apu_len,
	const uint8_t *apv, size_t apv_len, uint8_t *ret_key, size_t ret_len);

/* ret_wrapped holds len + 8 bytes, ret_cek len - 8. kek_len is 16, 24 or 32 bytes. 0, -EBADMSG if it does not open, or
 * another -errno. */
int agree_wrap(const uint8_t *kek, size_t kek_len, const uint8_t *cek, size_t len, uint8_t *ret_wrapped);
int agree_unwrap(const uint8_t *kek, size_t kek_len, const uint8_t *wrapped, size_t len, uint8_t *ret_cek);

/* 1 if all bytes are zero, in time that depends on len only. */
int agree_all_zero(const uint8_t *data, size_t len);
