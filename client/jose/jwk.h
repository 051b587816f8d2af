/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One public JWK (RFC 7517, RFC 7518 section 6, RFC 8037), between JSON and struct cek_public_key.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "client/jose/cek-jose.h"

enum { JWK_OCTETS_MAX = 513 + 8 }; /* of n, one more than it may have, and e; or of x and y */

enum jwk_result {
	JWK_OK,
	JWK_IGNORED,   /* not for this use, or of a kind or size that is not known */
	JWK_MALFORMED, /* *ret_why says why */
	JWK_NOMEM,
};

/* What is the same for every use: kty, kid (NULL = none) and alg (NULL = none) into ret_jwk, pointing into json.
 * MALFORMED if one of them, use or key_ops is of a wrong type, or if there is a private member. */
enum jwk_result jwk_members(const json_t *json, struct cek_jwk *ret_jwk, const char **ret_why);

/* Whether use (RFC 7517 section 4.2) and key_ops (section 4.3), where they are there, are this use and have one of
 * these operations. */
bool jwk_is_for(const json_t *json, const char *use, const char *const *ops);

/* The public key itself, whose kty jwk_members() has found: RSA, or on a curve that cekd knows. Its octets are put into
 * octets, which has room for JWK_OCTETS_MAX. */
enum jwk_result jwk_public_key(const json_t *json, struct cek_public_key *key, uint8_t *octets, const char **ret_why);

/* A key for encryption: all of the above. ret_key's strings are part of json or constant; its octets are in
 * *ret_octets, for free(3). */
enum jwk_result jwk_from_json(const json_t *json, struct cek_jwk *ret_jwk, uint8_t **ret_octets, const char **ret_why);

/* Of a set: the first entry that is malformed, numbered from 1, and how many there are. */
struct jwk_passed {
	size_t count, number;
	const char *why;
};

/* What became of entry number. False without memory. JWK_OK is counted in *n. */
bool jwk_passed_by(struct jwk_passed *passed, enum jwk_result result, size_t number, const char *why, size_t *n);

/* RFC 7517 section 5: an entry that cannot be used costs nothing but itself. A set of which no entry can be used (n is
 * 0), though one was meant to be, is malformed: its reader would otherwise look for the fault elsewhere. */
int jwk_passed_judge(const struct jwk_passed *passed, size_t n, struct cek_jwe_error *error);

/* The members kty, n, e, crv, x, y; a new reference, or NULL without memory. */
json_t *jwk_to_json(const struct cek_public_key *key);
