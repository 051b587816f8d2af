/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protected header of a JWE (RFC 7516 section 4, RFC 7518 section 4): parsed strictly and held against the policy.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/jose/cek-jose.h"
#include "client/json/tree.h"
#include "proto/alg.h"

enum {
	HEADER_COORDINATE_MAX = 66, /* P-521 */
	HEADER_NAME_MAX = 256,      /* characters of typ, cty */
};

struct jwe_header {
	struct json_tree tree; /* holds the strings */
	const struct alg *alg;
	const struct enc *enc;
	const char *kid; /* these three may be NULL */
	const char *typ;
	const char *cty;
	bool zip;
	struct cek_alg_params params; /* points into the arrays: do not move the struct */
	uint8_t x[HEADER_COORDINATE_MAX];
	uint8_t y[HEADER_COORDINATE_MAX];
	uint8_t apu[PARTY_INFO_MAX];
	uint8_t apv[PARTY_INFO_MAX];
	uint8_t iv[GCM_IV_LEN];
	uint8_t tag[GCM_TAG_LEN];
};

/* Parse len bytes of JSON, already decoded. Parameters that this alg does not use are ignored, as are jwk, jku, x5u,
 * x5c and all that only describe: no key is ever taken from a token. crit is always refused. CEK_JWE_OK,
 * CEK_JWE_MALFORMED or CEK_JWE_POLICY; with anything but OK there is nothing to deinit. */
int header_init(struct jwe_header *header, const char *text, size_t len, const struct cek_jwe_policy *policy,
	struct cek_jwe_error *error);

/* Safe on a zeroed struct. */
void header_deinit(struct jwe_header *header);
