/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published keys and messages: from JSON into the token, through the worker, and what must come out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "rig.h"

enum { OCTETS_MAX = 4096 };

struct octets {
	size_t len;
	uint8_t data[OCTETS_MAX];
};

/* FOLDER is tests/vectors of the source tree, or what CEK_VECTORS names. NULL if there is no such file. */
json_t *published_load(const char *folder, const char *file);

/* A member in hexadecimal, or in base64url without padding; absent counts as empty. */
void published_hex(const json_t *json, const char *member, struct octets *ret_octets);
void published_b64u(const json_t *json, const char *member, struct octets *ret_octets);
void published_b64u_text(const char *text, size_t len, struct octets *ret_octets);
const char *published_string(const json_t *json, const char *member);

/* A JWK (RSA with all its parts, EC, OKP, oct) as a token object with a fresh CKA_ID. */
CK_OBJECT_HANDLE published_key(struct rig *rig, const json_t *jwk, uint8_t ret_id[16]);

/* The same from PKCS#8 (RSA). */
CK_OBJECT_HANDLE published_rsa(struct rig *rig, const struct octets *pkcs8, uint8_t ret_id[16]);

/* What the worker says to this message. cek_len bytes are expected; epk, iv, tag, apu and apv come from header (NULL =
 * none). On OUTCOME_OK the CEK is in ret_cek. */
Cek__Internal__V1__Outcome published_unwrap(struct rig_worker *worker, const uint8_t id[16], const char *alg,
	const char *enc, size_t cek_len, const struct octets *encrypted_key, const json_t *header,
	struct octets *ret_cek);
