/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes into an unwrap and a wrap, and what comes out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/token/facts/token.h"
#include "daemon/token/p11/curves.h"
#include "daemon/token/p11/key.h"
#include "proto/alg.h"
#include "proto/cek.pb-c.h"

struct unwrap {
	const struct alg *alg;
	const char *enc;
	size_t cek_len;
	const uint8_t *encrypted_key;
	size_t encrypted_key_len;
	const Cek__V1__AlgParams *params; /* NULL = none */
};

struct wrap {
	const struct alg *alg;
	const char *enc;
	size_t cek_len;
	const uint8_t *apu, *apv;
	size_t apu_len, apv_len;
	const Cek__V1__PublicKey *public_key; /* RSA, ECDH: as it is published; NULL = as the token says */
};

/* What a wrap makes, in locked memory. */
struct wrapped {
	uint8_t cek[CEK_LEN_MAX]; /* in, but for direct agreement, which makes it */
	uint8_t encrypted_key[ENCRYPTED_KEY_MAX];
	size_t encrypted_key_len;
	bool gcm; /* iv and tag are set */
	uint8_t iv[GCM_IV_LEN];
	uint8_t tag[GCM_TAG_LEN];
	const struct curve *curve; /* of the ephemeral key, NULL = none */
	uint8_t point[POINT_MAX];  /* EC: 04 x y; X25519: x */
};

/* Both return CKR_OK, CKR_ENCRYPTED_DATA_INVALID for what cannot be opened whatever the reason, or what the token says.
 * ret_cek holds CEK_LEN_MAX bytes of locked memory. */
typedef CK_RV unwrap_fn(struct token *token, struct key *key, const struct unwrap *unwrap, uint8_t *ret_cek);
typedef CK_RV wrap_fn(struct token *token, struct key *key, const struct wrap *wrap, struct wrapped *ret_wrapped);
