/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the token says of one KEK, asked once and kept.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "daemon/token/p11/session.h"
#include "proto/alg.h"

enum { CKA_ID_MAX = 64 }; /* bytes; cekd makes 16, ceremonies make what they like */

enum rsa_way { RSA_UNDECIDED, RSA_TOKEN_OAEP, RSA_RAW };

struct key {
	struct key *next;
	uint8_t id[CKA_ID_MAX];
	size_t id_len;
	CK_OBJECT_HANDLE object; /* the token object */
	CK_OBJECT_HANDLE handle; /* what operations use: a session copy of it, or itself */
	uint64_t seen_us;        /* when the token object was last seen */
	CK_OBJECT_CLASS class;
	CK_KEY_TYPE type;
	size_t modulus_len;           /* RSA: bytes */
	unsigned modulus_bits;        /* RSA, exactly */
	const struct curve *curve;    /* EC, X25519 */
	size_t value_len;             /* AES: bytes, 0 if the token does not say */
	bool can_decrypt, can_unwrap; /* AES: usage flags, as CKA_DECRYPT and CKA_UNWRAP */
	enum rsa_way rsa_way;
	EVP_PKEY *public_key;  /* read when it is first wanted */
	EVP_PKEY_CTX *encrypt; /* RSA: ready for EVP_PKEY_encrypt() */
};

/* Fill in what the token says of key->object: all but id, object, handle and class, which the caller has set or sets.
 * What the token does not tell stays 0. CKR_OK or what the token says. */
CK_RV key_describe(struct session *session, struct key *key);

/* With what was made of it for OpenSSL; NULL is allowed. */
void key_free(struct key *key);
