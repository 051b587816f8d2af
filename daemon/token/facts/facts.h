/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the token can do. CKM lists are not to be trusted (SoftHSM 2.6.1 announces CKM_RSA_PKCS_OAEP and does SHA-1
 * only): what stands here was tried.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <p11-kit/pkcs11.h>

#include "proto/alg.h"

enum kw_way {
	KW_NONE,
	KW_CIPHER, /* C_Encrypt, C_Decrypt with CKM_AES_KEY_WRAP */
	KW_OBJECT, /* C_WrapKey, C_UnwrapKey with a session object in between */
};

enum {
	FACTS_CURVES = 4, /* rows of the curve table in proto/alg.c */
	FACTS_AES = 0,    /* what is tried together: */
	FACTS_RSA,
	FACTS_CURVE_0,
	FACTS_GROUPS = FACTS_CURVE_0 + FACTS_CURVES,
};

struct facts {
	bool oaep[4]; /* CKM_RSA_PKCS_OAEP with SHA-1, -256, -384, -512, MGF1 with the same hash, checks labels */
	bool raw_rsa; /* CKM_RSA_X_509 */
	enum kw_way kw;
	bool gcm;
	struct {
		bool works;
		bool wrapped_point;  /* wants the point inside an OCTET STRING */
		unsigned params_way; /* of curves_params() */
		CK_MECHANISM_TYPE generate;
	} curve[FACTS_CURVES];
	/* What the token said instead of an answer: that something does not work there is not sure. CKR_OK: it is. */
	CK_RV doubt[FACTS_GROUPS];
	unsigned n_doubts;
	bool changed;                   /* something works that did not before */
	uint64_t tried_us;              /* when what is in doubt was tried last */
	uint64_t took_us[FACTS_GROUPS]; /* what the last try took */
	uint64_t pause_us;              /* and how long after that it is to be tried again */
	bool mechanisms_learned;        /* no_allowed_mechanisms is known */
	bool no_allowed_mechanisms;     /* the token does not take CKA_ALLOWED_MECHANISMS */
};

/* Note what the token answered to something of this group: a refusal, or no answer. */
void facts_note(struct facts *facts, unsigned group, CK_RV rv);

/* Microseconds until what is in doubt should be tried again; UINT64_MAX if nothing is. */
uint64_t facts_wait_us(const struct facts *facts);

/* Is it clear whether the token does alg, on this curve (NULL: any)? */
bool facts_settled(const struct facts *facts, const struct alg *alg, const struct curve *curve);

/* Which element of facts.oaep is the hash of alg, which of facts.curve is curve? */
unsigned facts_hash_index(const struct alg *alg);
unsigned facts_curve_index(const struct curve *curve);

/* CKA_KEY_TYPE of a key on curve in this token. */
CK_KEY_TYPE facts_key_type(const struct facts *facts, const struct curve *curve);

/* For Status: whether alg works, and how or why not (or not yet), as one line in static storage. */
bool facts_describe(const struct facts *facts, const struct alg *alg, const char **ret_how);
