/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/manage/manage.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/token/algs/mech.h"
#include "daemon/token/manage/transport.h"
#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/objects.h"
#include "daemon/token/p11/public.h"
#include "daemon/token/probe/probe.h"
#include "daemon/token/probe/roundtrip.h"
#include "proto/base64url.h"

enum { TEXT_MAX = 400, PAUSE_MAX_MS = 32 };

void manage_fail(struct worker *worker, Cek__Internal__V1__JobResult *result, outcome_t outcome, const char *format,
	...)
{
	char *text = arena_alloc(&worker->token.arena, TEXT_MAX);
	const uint64_t id = result->id;
	va_list args;

	/* Nothing of what was found out before it failed goes out. */
	*result = (Cek__Internal__V1__JobResult)CEK__INTERNAL__V1__JOB_RESULT__INIT;
	result->id = id;
	result->outcome = outcome;
	if (!text)
		return;
	va_start(args, format);
	vsnprintf(text, TEXT_MAX, format, args);
	va_end(args);
	result->text = text;
}

void manage_fail_rv(struct worker *worker, Cek__Internal__V1__JobResult *result, const char *what, CK_RV rv)
{
	bool again;
	outcome_t outcome = judge(worker, rv, NULL, 1, &again);

	if (outcome == OUTCOME(AMBIGUOUS)) {
		manage_fail(worker, result, OUTCOME(REFUSED),
			"%s: the token has keys of this kind with the same CKA_ID, and nothing tells which is meant",
			what);
		return;
	}
	/* FAILED is for the unwrap of a peer; here it was the token that failed. */
	if (outcome == OUTCOME(FAILED))
		outcome = OUTCOME(INTERNAL);
	manage_fail(worker, result, outcome, "%s: %s", what, ckr_says(rv));
}

bool manage_can(struct worker *worker, const struct alg *alg, const struct curve *curve,
	Cek__Internal__V1__JobResult *result)
{
	const bool settled = probe_settle(worker, alg, curve);
	const char *how = "";
	bool can = facts_describe(&worker->token.facts, alg, &how);

	if (can && curve && !worker->token.facts.curve[facts_curve_index(curve)].works) {
		can = false;
		how = settled ? "the token does not do this curve" : "not tried successfully yet on this curve";
	}
	if (!can)
		manage_fail(worker, result, settled ? OUTCOME(UNSUPPORTED) : OUTCOME(UNTRIED), "%s", how);
	return can;
}

bool manage_id_free(struct worker *worker, const ProtobufCBinaryData *id, Cek__Internal__V1__JobResult *result)
{
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE template[] = {{CKA_TOKEN, &yes, sizeof(yes)}, {CKA_ID, id->data, id->len}};
	CK_OBJECT_HANDLE object;
	CK_ULONG n = 0;
	CK_RV rv;

	if (id->len == 0 || id->len > CKA_ID_MAX) {
		manage_fail(worker, result, OUTCOME(REFUSED), "a CKA_ID has 1 to %d bytes", CKA_ID_MAX);
		return false;
	}
	rv = objects_find(&worker->token.session, template, 2, &object, 1, &n);
	if (rv != CKR_OK)
		manage_fail_rv(worker, result, "looking for the CKA_ID", rv);
	else if (n > 0)
		manage_fail(worker, result, OUTCOME(REFUSED), "the token has an object with this CKA_ID already");
	return rv == CKR_OK && n == 0;
}

static bool protected_well(struct worker *worker, const struct key *key, Cek__Internal__V1__JobResult *result)
{
	struct session *session = &worker->token.session;

	if (object_flag(session, key->object, CKA_TOKEN) && object_flag(session, key->object, CKA_PRIVATE) &&
		object_flag(session, key->object, CKA_SENSITIVE) && !object_flag(session, key->object, CKA_EXTRACTABLE))
		return true;
	manage_fail(worker, result, OUTCOME(REFUSED),
		"the token did not make the key CKA_TOKEN, PRIVATE, SENSITIVE and not EXTRACTABLE");
	return false;
}

/* What a key is called outside. */
struct description {
	struct public_half half; /* jose points into it */
	Cek__V1__PublicKey jose;
	char kid[KID_LEN];
};

/* NULL with the failure in result. */
static struct description *describe_public(struct worker *worker, struct key *key, Cek__Internal__V1__JobResult *result)
{
	struct description *description = arena_alloc(&worker->token.arena, sizeof(*description));
	CK_RV rv;

	if (!description) {
		manage_fail(worker, result, OUTCOME(INTERNAL), "out of memory");
		return NULL;
	}
	if (key->class == CKO_SECRET_KEY) {
		cek__v1__public_key__init(&description->jose);
		description->jose.kty = (char *)(uintptr_t) "oct";
		b64u_encode(key->id, key->id_len, description->kid);
		return description;
	}
	rv = public_read(&worker->token.session, key, &description->half);
	if (rv == CKR_CEKD_MISSING) {
		manage_fail(worker, result, OUTCOME(REFUSED),
			"the private key does not tell its public half, and the token has no public key object "
			"with the same CKA_ID: create that first");
		return NULL;
	}
	if (rv != CKR_OK) {
		manage_fail_rv(worker, result,
			"reading the public half (a public key object with the same CKA_ID is needed)", rv);
		return NULL;
	}
	public_to_jose(&description->half, &description->jose);
	public_thumbprint(&description->half, description->kid);
	return description;
}

bool manage_verify(struct worker *worker, const struct name *name, enum manage_origin origin,
	Cek__Internal__V1__JobResult *result)
{
	const struct alg *alg = name->alg;
	struct description *description;
	struct key *key;
	CK_RV rv;

	keys_forget(&worker->keys, name->id, name->id_len);
	rv = keys_get(&worker->keys, name, &key);
	for (int pause_ms = 1; rv == CKR_CEKD_MISSING && pause_ms <= PAUSE_MAX_MS; pause_ms *= 2) {
		(void)poll(NULL, 0, pause_ms);
		rv = keys_get(&worker->keys, name, &key);
	}
	if (rv != CKR_OK) {
		manage_fail_rv(worker, result, "finding the key", rv);
		return false;
	}
	if (!mech_key_fits(key, alg)) {
		manage_fail(worker, result, OUTCOME(REFUSED), "the key's type, size or curve does not fit %s",
			alg->name);
		return false;
	}
	if (origin != MANAGE_ADOPTED && !protected_well(worker, key, result))
		return false;
	description = describe_public(worker, key, result);
	if (!description)
		return false;
	rv = round_trip(&worker->token, key, alg);
	if (ckr_doubtful(rv))
		rv = round_trip(&worker->token, key, alg);
	if (rv != CKR_OK) {
		manage_fail_rv(worker, result, "wrapping and unwrapping a test CEK", rv);
		if (origin != MANAGE_GENERATED && result->outcome == OUTCOME(INTERNAL) &&
			ckr_class(rv) != CKR_CLASS_HARD)
			result->outcome = OUTCOME(REFUSED);
		return false;
	}
	result->kid = description->kid;
	result->public_key = &description->jose;
	result->bits = key->type == CKK_RSA ? key->modulus_bits : alg->family == ALG_ECDH ? 0 : alg->key_bits;
	if (key->curve)
		result->crv = (char *)(uintptr_t)key->curve->name;
	result->outcome = OUTCOME(OK);
	return true;
}

CK_RV manage_find(struct worker *worker, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE **ret_objects,
	CK_ULONG *ret_n)
{
	CK_RV rv = objects_find_all(&worker->token.session, template, n, ret_objects, ret_n);

	for (int pause_ms = 1; rv == CKR_OK && *ret_n == 0 && pause_ms <= PAUSE_MAX_MS; pause_ms *= 2) {
		free(*ret_objects);
		(void)poll(NULL, 0, pause_ms);
		rv = objects_find_all(&worker->token.session, template, n, ret_objects, ret_n);
	}
	if (rv != CKR_OK || *ret_n > 0 || !transport_let_go(worker))
		return rv;
	free(*ret_objects);
	rv = manage_begin_anew(worker);
	return rv == CKR_OK ? objects_find_all(&worker->token.session, template, n, ret_objects, ret_n) : rv;
}

CK_RV manage_begin_anew(struct worker *worker)
{
	if (!transport_let_go(worker))
		return CKR_OK;
	keys_forget_all(&worker->keys);
	switch (session_reopen(&worker->token.session)) {
	case SESSION_OK:
		return CKR_OK;
	case SESSION_PIN:
		return CKR_PIN_INCORRECT;
	default:
		return CKR_TOKEN_NOT_PRESENT;
	}
}

void manage_destroy_leftovers(struct worker *worker, const ProtobufCBinaryData *id)
{
	static const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_SECRET_KEY, CKO_PUBLIC_KEY};

	keys_forget(&worker->keys, id->data, id->len);
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		CK_BBOOL yes = CK_TRUE;
		CK_OBJECT_CLASS class = classes[i];
		CK_ATTRIBUTE template[] = {
			{CKA_TOKEN, &yes, sizeof(yes)},
			{CKA_CLASS, &class, sizeof(class)},
			{CKA_ID, id->data, id->len},
		};
		CK_OBJECT_HANDLE *objects;
		CK_ULONG n = 0;

		if (objects_find_all(&worker->token.session, template, 3, &objects, &n) != CKR_OK)
			continue;
		for (CK_ULONG j = 0; j < n; j++)
			(void)object_destroy(&worker->token.session, objects[j]);
		free(objects);
	}
}
