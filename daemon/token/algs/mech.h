/*
 * One row an algorithm: what unwraps and wraps with it. What JOSE says of each is in proto/alg.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/token/probe/worker.h"
#include "proto/alg.h"
#include "proto/internal.pb-c.h"

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
	uint8_t cek[CEK_LEN_MAX];      /* in, but for direct agreement, which makes it */
	uint8_t encrypted_key[ENCRYPTED_KEY_MAX];
	size_t encrypted_key_len;
	bool gcm;                      /* iv and tag are set */
	uint8_t iv[GCM_IV_LEN];
	uint8_t tag[GCM_TAG_LEN];
	const struct curve *curve;     /* of the ephemeral key, NULL = none */
	uint8_t point[POINT_MAX];      /* EC: 04 x y; X25519: x */
};

/* Both return CKR_OK, CKR_ENCRYPTED_DATA_INVALID for what cannot be opened whatever the reason, or what the token says.
 * ret_cek holds CEK_LEN_MAX bytes of locked memory. */
typedef CK_RV unwrap_fn(struct worker *worker, struct key *key, const struct unwrap *unwrap, uint8_t *ret_cek);
typedef CK_RV wrap_fn(struct worker *worker, struct key *key, const struct wrap *wrap, struct wrapped *ret_wrapped);

struct mech {
	const char *alg;
	unwrap_fn *unwrap;
	wrap_fn *wrap;
};

const struct mech *mech_find(const char *alg);

/* The header parameters of what was wrapped; *ret_params and *ret_epk point into wrapped. */
void mech_params(const struct wrapped *wrapped, Cek__V1__AlgParams *ret_params, Cek__V1__PublicKey *ret_epk);

/* Does this KEK fit alg: type, size, curve? */
bool mech_key_fits(const struct key *key, const struct alg *alg);

/* Does object, an EC or X25519 private key, agree as the other half of half does? For keys.compare; context is the
 * worker. */
CK_RV ecdh_compare(void *context, CK_OBJECT_HANDLE object, const struct public_half *half, enum named_same *ret_same);

/* The rows' functions. */
unwrap_fn rsa_unwrap, aeskw_unwrap, gcmkw_unwrap, ecdh_unwrap;
wrap_fn rsa_wrap, aeskw_wrap, gcmkw_wrap, ecdh_wrap;
