/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One public JWK (RFC 7517, RFC 7518 section 6, RFC 8037), between JSON and struct cek_public_key.
 */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "client/jose/cek-jose.h"

enum jwk_result {
	JWK_OK,
	JWK_IGNORED,   /* not for encryption, or of a kind or size that cekd does not know */
	JWK_MALFORMED, /* *ret_why says why */
	JWK_NOMEM,
};

/* ret_key's strings are part of json or constant; its octets are in *ret_octets, for free(3). */
enum jwk_result jwk_from_json(const json_t *json, struct cek_jwk *ret_jwk, uint8_t **ret_octets, const char **ret_why);

/* The members kty, n, e, crv, x, y; a new reference, or NULL without memory. */
json_t *jwk_to_json(const struct cek_public_key *key);
