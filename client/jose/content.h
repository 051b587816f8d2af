/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content encryption (RFC 7518 section 5): AES-GCM with a 96-bit IV and a 128-bit tag, and AES-CBC with HMAC, whose MAC
 * is checked, in constant time, before anything is decrypted.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/cek.h"
#include "proto/alg.h"

enum {
	CONTENT_IV_MAX = 16,
	CONTENT_TAG_MAX = 32,
	CONTENT_BLOCK = 16,
};

/* Exact lengths in octets. */
size_t content_iv_len(const struct enc *enc);
size_t content_tag_len(const struct enc *enc);

/* Octets of ciphertext for that many of plaintext. */
size_t content_ciphertext_len(const struct enc *enc, size_t plaintext_len);

/* One message. cek, iv and tag are as long as enc wants them. Lengths must be below INT_MAX. */
struct content {
	const struct enc *enc;
	const uint8_t *cek;
	struct cek_bytes aad; /* the header as it stands in the token */
	const uint8_t *iv;
};

/* ret_plaintext has room for ciphertext.len octets and belongs into locked memory. CEK_JWE_OK, CEK_JWE_FAILED (then it
 * was wiped) or CEK_JWE_NOMEM. */
int content_decrypt(const struct content *content, struct cek_bytes ciphertext, const uint8_t *tag,
	uint8_t *ret_plaintext, size_t *ret_len);

/* ret_ciphertext has room for content_ciphertext_len(), ret_tag for content_tag_len(). CEK_JWE_OK or CEK_JWE_NOMEM. */
int content_encrypt(const struct content *content, struct cek_bytes plaintext, uint8_t *ret_ciphertext,
	uint8_t *ret_tag);
