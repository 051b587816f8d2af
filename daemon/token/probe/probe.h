/*
 * What the token can do, tried with session keys when the worker starts. CKM lists are not to be trusted: SoftHSM 2.6.1
 * announces CKM_RSA_PKCS_OAEP and does SHA-1 only.
 */
#pragma once

#include <stdbool.h>

#include "daemon/token/p11/session.h"
#include "proto/alg.h"

struct worker;

enum kw_way {
	KW_NONE,
	KW_CIPHER, /* C_Encrypt, C_Decrypt with CKM_AES_KEY_WRAP */
	KW_OBJECT, /* C_WrapKey, C_UnwrapKey with a session object in between */
};

enum {
	PROBE_CURVES = 4, /* rows of the curve table in proto/alg.c */
	PROBE_AES = 0,    /* what is tried together: */
	PROBE_RSA,
	PROBE_CURVE_0,
	PROBE_GROUPS = PROBE_CURVE_0 + PROBE_CURVES,
};

struct probe {
	bool oaep[4];   /* CKM_RSA_PKCS_OAEP with SHA-1, -256, -384, -512, MGF1 with the same hash, checks labels */
	bool raw_rsa;   /* CKM_RSA_X_509 */
	enum kw_way kw;
	bool gcm;
	struct {
		bool works;
		bool wrapped_point;   /* wants the point inside an OCTET STRING */
		unsigned params_way;  /* of curves_params() */
		CK_MECHANISM_TYPE generate;
	} curve[PROBE_CURVES];
	/* What the token said instead of an answer: that something does not work there is not sure. CKR_OK: it is. */
	CK_RV doubt[PROBE_GROUPS];
	unsigned n_doubts;
	bool changed;      /* something works that did not before */
	uint64_t tried_us; /* when what is in doubt was tried last */
	uint64_t pause_us; /* and how long after that it is to be tried again */
};

/* Fill worker->probe. CKR_OK, or what the token says if it does not answer at all. What it did not clearly refuse is
 * tried some times more. */
CK_RV probe_run(struct worker *worker);

/* Microseconds until what is in doubt should be tried again; UINT64_MAX if nothing is. */
uint64_t probe_wait_us(const struct probe *probe);

/* Try what is in doubt once more. Sets probe.changed, or worker->ending if the token is gone. */
void probe_again(struct worker *worker);

/* Is it clear whether the token does alg, on this curve (NULL: any)? If not it is tried, once a second at most. */
bool probe_settle(struct worker *worker, const struct alg *alg, const struct curve *curve);

/* Note what the token answered to something of this group: a refusal, or no answer. */
void probe_note(struct probe *probe, unsigned group, CK_RV rv);

/* Which element of probe.oaep is the hash of alg, which of probe.curve is curve? */
unsigned probe_hash_index(const struct alg *alg);
unsigned probe_curve_index(const struct curve *curve);

/* CKA_KEY_TYPE of a key on curve in this token. */
CK_KEY_TYPE probe_key_type(const struct probe *probe, const struct curve *curve);

/* For Status: whether alg works, and how or why not (or not yet), as one line in static storage. */
bool probe_describe(const struct probe *probe, const struct alg *alg, const char **ret_how);
