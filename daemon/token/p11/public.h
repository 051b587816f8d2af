/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public half of a KEK: what the token says of it, for OpenSSL, for JOSE, and its name (kid).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "daemon/token/p11/curves.h"
#include "daemon/token/p11/key.h"
#include "proto/cek.pb-c.h"

enum { KID_LEN = 86 + 1 }; /* base64url of a SHA-256 hash, or of CKA_ID_MAX bytes; and NUL */

struct public_half {
	const struct curve *curve; /* NULL = RSA */
	uint8_t n[RSA_BITS_MAX / 8], e[16];
	size_t n_len, e_len; /* no leading zeros */
	uint8_t point[POINT_MAX];
	size_t point_len; /* EC: 04 x y; X25519: x */
};

/* Ask the token: the private key's own attributes first, then the public key objects of the same CKA_ID. CKR_OK,
 * CKR_CEKD_MISSING if nothing there tells, CKR_CEKD_AMBIGUOUS if several there say different things,
 * CKR_PUBLIC_KEY_INVALID if it makes no sense. */
CK_RV public_read(struct session *session, const struct key *key, struct public_half *ret_half);

/* What one object tells, a public key or a private one. */
CK_RV public_of_object(struct session *session, CK_OBJECT_HANDLE object, CK_KEY_TYPE type, const struct curve *curve,
	struct public_half *ret_half);

/* All public key objects of the token with this CKA_ID; malloc'ed. */
CK_RV public_objects(struct session *session, const uint8_t *id, size_t id_len, CK_OBJECT_HANDLE **ret_objects,
	CK_ULONG *ret_n);

/* The same key? */
bool public_equal(const struct public_half *one, const struct public_half *other);

/* From the form of cek.proto. False if a member is missing, of the wrong length, or the point not on the curve. */
bool public_from_jose(const Cek__V1__PublicKey *jose, struct public_half *ret_half);

/* Into the form of cek.proto; points into half and into static strings. */
void public_to_jose(const struct public_half *half, Cek__V1__PublicKey *ret_jose);

EVP_PKEY *public_for_openssl(const struct public_half *half);

/* RFC 7638 thumbprint, SHA-256, base64url. */
void public_thumbprint(const struct public_half *half, char ret_kid[KID_LEN]);

/* The key's public half for OpenSSL, read once and kept in key. */
CK_RV public_of_key(struct session *session, struct key *key, EVP_PKEY **ret_public);

/* The same as it was verified once and is published. An EC private key does not tell it, and SoftHSM may leave a second
 * public object of that CKA_ID behind when a generation fails halfway. */
CK_RV public_as_published(const Cek__V1__PublicKey *jose, struct key *key, EVP_PKEY **ret_public);
