/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/probe/canary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/token/algs/mech.h"
#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/objects.h"
#include "daemon/token/probe/roundtrip.h"

enum {
	LEARN_US = 1000000,
	ASK_US = 1000000,
	PARAMS_MAX = 2048, /* packed: epk, apu and apv at their limits */
	PUBLIC_MAX = 640,  /* packed: RSA-4096 */
};

struct canary {
	uint64_t learned_us, asked_us;
	uint8_t id[CKA_ID_MAX];
	size_t id_len; /* 0 = nothing learned yet */
	const struct alg *alg;
	size_t cek_len;
	uint8_t encrypted_key[ENCRYPTED_KEY_MAX];
	size_t encrypted_key_len;
	uint8_t params[PARAMS_MAX];
	size_t params_len;
	uint8_t public_key[PUBLIC_MAX];
	size_t public_key_len;
};

int canary_init(struct worker *worker)
{
	worker->canary = calloc(1, sizeof(*worker->canary));
	return worker->canary ? 0 : log_origin(-ENOMEM);
}

void canary_learn(struct worker *worker, const struct name *name, const struct unwrap *unwrap)
{
	struct canary *canary = worker->canary;
	const uint64_t now = clock_monotonic_us();

	if (now - canary->learned_us < LEARN_US && canary->id_len > 0)
		return;
	if (unwrap->encrypted_key_len > sizeof(canary->encrypted_key) ||
		(unwrap->params && cek__v1__alg_params__get_packed_size(unwrap->params) > PARAMS_MAX) ||
		(name->public_key && cek__v1__public_key__get_packed_size(name->public_key) > PUBLIC_MAX))
		return;
	canary->learned_us = now;
	memcpy(canary->id, name->id, canary->id_len = name->id_len);
	canary->public_key_len = name->public_key ? cek__v1__public_key__pack(name->public_key, canary->public_key) : 0;
	canary->alg = unwrap->alg;
	canary->cek_len = unwrap->cek_len;
	if (unwrap->encrypted_key_len > 0)
		memcpy(canary->encrypted_key, unwrap->encrypted_key, unwrap->encrypted_key_len);
	canary->encrypted_key_len = unwrap->encrypted_key_len;
	canary->params_len = unwrap->params ? cek__v1__alg_params__pack(unwrap->params, canary->params) : 0;
}

static bool unwraps_again(struct worker *worker)
{
	struct canary *canary = worker->canary;
	struct unwrap unwrap = {
		.alg = canary->alg,
		.enc = "", /* goes into the CEK alone, which nobody looks at */
		.cek_len = canary->cek_len,
		.encrypted_key = canary->encrypted_key,
		.encrypted_key_len = canary->encrypted_key_len,
	};
	uint8_t *cek = arena_alloc(&worker->token.arena, CEK_LEN_MAX);
	Cek__V1__AlgParams *params = cek__v1__alg_params__unpack(arena_allocator(&worker->token.arena),
		canary->params_len, canary->params);
	struct name name = {.id = canary->id, .id_len = canary->id_len, .alg = canary->alg};
	struct key *key;
	CK_RV rv;

	if (canary->public_key_len > 0)
		name.public_key = cek__v1__public_key__unpack(arena_allocator(&worker->token.arena),
			canary->public_key_len, canary->public_key);
	if (!cek || !params || (canary->public_key_len > 0 && !name.public_key))
		return true;
	unwrap.params = params;
	rv = keys_get(&worker->keys, &name, &key);
	/* Destroyed in the meantime, or no longer to be told from others: no evidence any more. */
	if (rv == CKR_CEKD_MISSING || rv == CKR_CEKD_AMBIGUOUS) {
		canary->id_len = 0;
		return true;
	}
	return rv == CKR_OK && mech_find(canary->alg->name)->unwrap(&worker->token, key, &unwrap, cek) == CKR_OK;
}

/* Does the token find what it is asked for, or say that it has nothing? */
static bool answers(struct worker *worker)
{
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE template[] = {{CKA_TOKEN, &yes, sizeof(yes)}};
	CK_OBJECT_HANDLE object;
	CK_ULONG n;

	return objects_find(&worker->token.session, template, 1, &object, 1, &n) == CKR_OK;
}

/* Only an error that could be the token's counts: a key that may not wrap says nothing about it, nor does one that
 * cannot be told from a broken one that has its name. */
static bool key_works(struct worker *worker, const struct name *name)
{
	struct key *key;
	CK_RV rv = keys_get(&worker->keys, name, &key);

	if (ckr_class(rv) == CKR_CLASS_AMBIGUOUS)
		return answers(worker);
	if (rv == CKR_OK)
		rv = round_trip(&worker->token, key, name->alg);
	switch (ckr_class(rv)) {
	case CKR_CLASS_OK:
	case CKR_CLASS_DATA:
	case CKR_CLASS_UNSUPPORTED:
	case CKR_CLASS_MISSING:
	case CKR_CLASS_TWINS:
	case CKR_CLASS_UNTRIED:
		return true;
	default:
		return false;
	}
}

bool canary_alive(struct worker *worker, const struct name *name, bool now)
{
	struct canary *canary = worker->canary;
	const uint64_t time = clock_monotonic_us();

	if (!now && canary->asked_us > 0 && time - canary->asked_us < ASK_US)
		return true;
	canary->asked_us = time;
	if (canary->id_len > 0)
		return unwraps_again(worker);
	return name ? key_works(worker, name) : answers(worker);
}
