/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second half of encryption: header and content, once there is a CEK.
 */
#pragma once

#include "client/jose/cek-jose.h"
#include "proto/alg.h"

struct seal {
	const struct alg *alg;
	const struct enc *enc;
	const char *kid; /* these three may be NULL */
	const char *typ;
	const char *cty;
	struct cek_alg_params params; /* epk, apu, apv, iv, tag: whatever is not empty is written */
	struct cek_bytes cek;
	struct cek_bytes encrypted_key;
	struct cek_bytes plaintext;
};

/* Hold the caller's wishes against the rules before anything is asked or made: enc known, lengths within bounds. */
int seal_check(const struct cek_jwe_params *params, size_t plaintext_len, struct cek_jwe_error *error);

/* A token for free(3), with a fresh IV. CEK_JWE_OK or CEK_JWE_NOMEM. */
int seal_token(const struct seal *seal, char **ret_token, struct cek_jwe_error *error);
