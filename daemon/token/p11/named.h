/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which object of the token a job means. CKA_ID is not unique by PKCS#11: class and key type belong to the name, and of
 * several objects of one kind it is the one whose public half is the version's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/token/p11/session.h"
#include "proto/alg.h"
#include "proto/cek.pb-c.h"

struct public_half;

/* What is known of the object that is looked for. */
struct name {
	const uint8_t *id;
	size_t id_len;
	const struct alg *alg;                /* tells class and key type */
	const Cek__V1__PublicKey *public_key; /* as it is published; NULL: not known, or AES, which has none */
	CK_OBJECT_HANDLE object;              /* only this one; 0 = any */
};

/* Is an object the private half of a public one? */
enum named_same { NAMED_SAME, NAMED_OTHER, NAMED_UNKNOWN };

/* Is this EC private key the other half of half? It does not tell, so it has to show. An error is what the token
 * says. */
typedef CK_RV named_compare_fn(void *context, CK_OBJECT_HANDLE object, const struct public_half *half,
	enum named_same *ret_same);

/* Where objects are looked for. */
struct finder {
	struct session *session;
	named_compare_fn *compare; /* NULL: not to be known */
	void *context;             /* compare's */
};

/* The private or secret object of this name: if the public half is known, one that has it, else the only one of its
 * class and type that may do what alg needs and, for AES, has its size. If name says which object, it is that one.
 * CKR_OK, CKR_CEKD_MISSING, CKR_CEKD_AMBIGUOUS, or what the token says. */
CK_RV named_find(const struct finder *finder, const struct name *name, CK_OBJECT_HANDLE *ret_object);

/* All private or secret token objects of its class and type, whichever key they are; malloc'ed. */
CK_RV named_candidates(struct session *session, const struct name *name, CK_OBJECT_HANDLE **ret_objects,
	CK_ULONG *ret_n);

/* Whether a private key object is the other half of half. An error is what the token says when it is asked, and leaves
 * that open; NAMED_UNKNOWN is an object that does not tell. */
CK_RV named_compare(const struct finder *finder, CK_OBJECT_HANDLE object, const struct public_half *half,
	enum named_same *ret_same);

CK_OBJECT_CLASS named_class(const struct alg *alg);
bool named_type_fits(const struct alg *alg, CK_KEY_TYPE type);

/* Does the object, by its usage flags, do what a KEK of alg is for? A flag that the token does not tell denies nothing.
 */
CK_RV named_permitted(struct session *session, CK_OBJECT_HANDLE object, const struct alg *alg, bool *ret_permitted);
