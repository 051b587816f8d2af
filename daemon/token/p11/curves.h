/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The curves of ECDH-ES (RFC 7518 section 6.2.1.1, RFC 8037) as PKCS#11 and OpenSSL call them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "proto/alg.h"

enum { POINT_MAX = 1 + 2 * 66 }; /* bytes: uncompressed, P-521 */

/* CKA_EC_PARAMS: the DER of the curve's object identifier (or PrintableString). NULL if it is none of ours. */
const struct curve *curves_from_params(const uint8_t *der, size_t len);

/* The DER that names curve, and its length. way 0 is the standard one; a higher way is what some tokens want instead,
 * NULL past the last. */
const uint8_t *curves_params(const struct curve *curve, unsigned way, size_t *ret_len);

/* What OpenSSL calls it. */
const char *curves_group(const struct curve *curve);

/* CKA_EC_POINT: bare, or inside a DER OCTET STRING. Points *ret_point into value, at 1 + 2 field_len bytes (EC: 04 x y)
 * or field_len (X25519). False if neither length fits. */
bool curves_point(const struct curve *curve, const uint8_t *value, size_t len, const uint8_t **ret_point,
	size_t *ret_len);

/* Is this a public point that may be used: of the right length and on the curve (SEC 1 section 3.2.2.1)? Any 32 bytes
 * do for X25519 (RFC 7748 section 5); an all-zero result is refused later. */
bool curves_point_valid(const struct curve *curve, const uint8_t *point, size_t len);

/* A public key for OpenSSL from such a point. NULL if it is not valid. */
EVP_PKEY *curves_public(const struct curve *curve, const uint8_t *point, size_t len);
