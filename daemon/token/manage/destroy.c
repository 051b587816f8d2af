/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Destroying a version: what is its own, and nothing of others that have the same CKA_ID.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/shared/testhook.h"
#include "daemon/token/manage/jobs.h"
#include "daemon/token/manage/manage.h"
#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/curves.h"
#include "daemon/token/p11/named.h"
#include "daemon/token/p11/objects.h"
#include "daemon/token/p11/public.h"

static CK_RV destroy_object(struct worker *worker, CK_OBJECT_HANDLE object)
{
	CK_RV rv = object_destroy(&worker->token.session, object);

	return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_OK : rv;
}

/* What became of the private keys of a CKA_ID. */
struct tally {
	CK_ULONG destroyed, silent;
	CK_RV error; /* of one that could not be told */
};

static CK_RV destroy_if_same(struct worker *worker, CK_OBJECT_HANDLE object, const struct public_half *half,
	struct tally *tally)
{
	enum named_same same = NAMED_UNKNOWN;
	CK_RV rv = named_compare(&worker->keys.finder, object, half, &same);

	if (rv != CKR_OK)
		tally->error = rv;
	else if (same == NAMED_UNKNOWN)
		tally->silent++;
	if (rv != CKR_OK || same != NAMED_SAME)
		return CKR_OK;
	rv = destroy_object(worker, object);
	tally->destroyed += rv == CKR_OK;
	return rv;
}

/* The private keys that have the version's public half, and no others: what does not show that it is the version's may
 * be another program's, if it is alone as well. One that does not tell, or at which the token fails, does not keep the
 * version's own from being destroyed; but if that was not found it is not sure that it is gone. */
static CK_RV destroy_private(struct worker *worker, const struct name *name, const struct public_half *half)
{
	struct tally tally = {.error = CKR_OK};
	CK_OBJECT_HANDLE *objects;
	CK_ULONG n = 0;
	CK_RV rv = named_candidates(&worker->token.session, name, &objects, &n);

	if (rv != CKR_OK)
		return rv;
	for (CK_ULONG i = 0; rv == CKR_OK && i < n; i++)
		rv = destroy_if_same(worker, objects[i], half, &tally);
	free(objects);
	if (rv == CKR_OK && tally.destroyed == 0)
		rv = tally.error != CKR_OK ? tally.error : tally.silent > 0 ? CKR_CEKD_AMBIGUOUS : CKR_OK;
	if (rv == CKR_OK && n > tally.destroyed)
		log_warning("%lu other keys of the token have the CKA_ID of the key that was destroyed: they stay",
			n - tally.destroyed);
	return rv;
}

/* half NULL: not known, then it is the private key's if there is but one. */
static CK_RV destroy_public(struct worker *worker, const struct name *name, const struct public_half *half)
{
	CK_OBJECT_HANDLE *objects;
	CK_ULONG n = 0;
	CK_RV rv = public_objects(&worker->token.session, name->id, name->id_len, &objects, &n);

	if (rv != CKR_OK)
		return rv;
	for (CK_ULONG i = 0; rv == CKR_OK && i < n; i++) {
		struct public_half found;
		CK_KEY_TYPE type = 0;
		size_t len;

		if (object_read(&worker->token.session, objects[i], CKA_KEY_TYPE, &type, sizeof(type), &len) !=
				CKR_OK ||
			!named_type_fits(name->alg, type))
			continue;
		if (half ? public_of_object(&worker->token.session, objects[i], type, half->curve, &found) == CKR_OK &&
					public_equal(&found, half)
			 : n == 1)
			rv = destroy_object(worker, objects[i]);
	}
	free(objects);
	return rv;
}

/* The half that matters first: a public key alone opens nothing. */
static CK_RV destroy(struct worker *worker, const struct name *name)
{
	struct public_half half;
	CK_OBJECT_HANDLE object;
	CK_RV rv;

	if (name->public_key) {
		if (!public_from_jose(name->public_key, &half))
			return CKR_PUBLIC_KEY_INVALID;
		rv = destroy_private(worker, name, &half);
		return rv == CKR_OK ? destroy_public(worker, name, &half) : rv;
	}
	rv = named_find(&worker->keys.finder, name, &object);
	if (rv == CKR_CEKD_MISSING)
		return CKR_OK;
	if (rv == CKR_OK)
		rv = destroy_object(worker, object);
	return rv == CKR_OK && named_class(name->alg) == CKO_PRIVATE_KEY ? destroy_public(worker, name, NULL) : rv;
}

/* Wait until the token shows an object with the CKA_ID, whichever: it may look empty for a moment. */
static CK_RV look_patiently(struct worker *worker, const struct name *name)
{
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE template[] = {
		{CKA_TOKEN, &yes, sizeof(yes)},
		{CKA_ID, (void *)(uintptr_t)name->id, name->id_len},
	};
	CK_OBJECT_HANDLE *objects;
	CK_ULONG n = 0;
	CK_RV rv = manage_find(worker, template, 2, &objects, &n);

	if (rv == CKR_OK)
		free(objects);
	return rv;
}

void manage_destroy(struct worker *worker, const Cek__Internal__V1__DestroyJob *job,
	Cek__Internal__V1__JobResult *ret_result)
{
	const struct name name = {
		.id = job->cka_id.data,
		.id_len = job->cka_id.len,
		.alg = alg_find(job->alg),
		.public_key = job->public_key,
	};
	CK_RV rv;

	if (name.id_len == 0 || name.id_len > CKA_ID_MAX || !name.alg) {
		manage_fail(worker, ret_result, OUTCOME(REFUSED), "an alg and a CKA_ID of 1 to %d bytes must be given",
			CKA_ID_MAX);
		return;
	}
	testhook_step("manage.destroy.before");
	keys_forget(&worker->keys, name.id, name.id_len);
	rv = look_patiently(worker, &name);
	if (rv == CKR_OK)
		rv = destroy(worker, &name);
	if (ckr_doubtful(rv))
		rv = destroy(worker, &name);
	testhook_step("manage.destroy.after");
	if (rv == CKR_OK)
		ret_result->outcome = OUTCOME(OK);
	else
		manage_fail_rv(worker, ret_result, "destroying the key", rv);
}
