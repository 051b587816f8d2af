/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking over a key that a ceremony put into the token. Nothing about the object is changed: a KEK in use never is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/token/algs/mech.h"
#include "daemon/token/manage/jobs.h"
#include "daemon/token/manage/manage.h"
#include "daemon/token/p11/named.h"
#include "daemon/token/p11/objects.h"
#include "daemon/token/p11/public.h"

enum { NOTE_MAX = 300 };

/* Whether an object that was found fits. An error of the token is no answer. */
typedef CK_RV fits_fn(struct session *session, CK_OBJECT_HANDLE object, const struct alg *alg, bool *ret_fits);

static CK_RV of_kind(struct session *session, CK_OBJECT_HANDLE object, const struct alg *alg, bool *ret_fits)
{
	CK_OBJECT_CLASS class = 0;
	CK_KEY_TYPE type = 0;
	enum told told;
	size_t len;
	CK_RV rv = object_tells(session, object, CKA_CLASS, &class, sizeof(class), &len, &told);

	*ret_fits = false;
	if (rv != CKR_OK || told != TOLD || class != named_class(alg))
		return rv;
	rv = object_tells(session, object, CKA_KEY_TYPE, &type, sizeof(type), &len, &told);
	*ret_fits = rv == CKR_OK && told == TOLD && named_type_fits(alg, type);
	return rv;
}

static CK_RV is_key(struct session *session, CK_OBJECT_HANDLE object, const struct alg *alg, bool *ret_fits)
{
	CK_OBJECT_CLASS class = 0;
	enum told told;
	size_t len;
	CK_RV rv = object_tells(session, object, CKA_CLASS, &class, sizeof(class), &len, &told);

	(void)alg;
	*ret_fits = rv == CKR_OK && told == TOLD && (class == CKO_PRIVATE_KEY || class == CKO_SECRET_KEY);
	return rv;
}

/* Of the size, or on a curve, that alg has. */
static CK_RV of_size(struct session *session, CK_OBJECT_HANDLE object, const struct alg *alg, bool *ret_fits)
{
	struct key key = {.object = object, .class = named_class(alg)};
	CK_RV rv = key_describe(session, &key);

	*ret_fits = rv == CKR_OK && mech_key_fits(&key, alg);
	return rv;
}

/* Keep those of the objects that fit; all if that is none and they may stay. */
static CK_RV narrow(struct session *session, CK_OBJECT_HANDLE *objects, CK_ULONG *n, const struct alg *alg,
	fits_fn *fits, bool may_stay)
{
	CK_ULONG kept = 0;

	for (CK_ULONG i = 0; i < *n; i++) {
		CK_OBJECT_HANDLE object = objects[i];
		bool good = false;
		CK_RV rv = fits(session, object, alg, &good);

		if (rv != CKR_OK && rv != CKR_OBJECT_HANDLE_INVALID)
			return rv;
		if (rv != CKR_OK || !good)
			continue;
		objects[i] = objects[kept];
		objects[kept++] = object;
	}
	if (kept > 0 || !may_stay)
		*n = kept;
	return CKR_OK;
}

/* Another program's key may have the same CKA_ID or label: of several the one that fits alg, and that may do what it
 * needs. */
static CK_RV find(struct worker *worker, const Cek__Internal__V1__AdoptJob *job, const struct alg *alg,
	CK_OBJECT_HANDLE *ret_object, CK_ULONG *ret_n)
{
	static fits_fn *const steps[] = {is_key, of_kind, of_size, named_permitted};
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE template[2] = {{CKA_TOKEN, &yes, sizeof(yes)}};
	CK_OBJECT_HANDLE *objects;
	CK_ULONG n = 0;
	CK_RV rv;

	if (job->cka_id.len > 0)
		template[1] = (CK_ATTRIBUTE){CKA_ID, job->cka_id.data, job->cka_id.len};
	else
		template[1] = (CK_ATTRIBUTE){CKA_LABEL, job->label, strlen(job->label)};
	rv = manage_find(worker, template, 2, &objects, &n);
	if (rv != CKR_OK)
		return rv;
	for (size_t i = 0; rv == CKR_OK && i < sizeof(steps) / sizeof(steps[0]); i++)
		rv = narrow(&worker->token.session, objects, &n, alg, steps[i], i > 0);
	if (n > 0)
		*ret_object = objects[0];
	*ret_n = n;
	free(objects);
	return rv;
}

/* What a KEK of this alg may be used for; everything else is too much. */
static bool needed(const struct alg *alg, CK_ATTRIBUTE_TYPE usage)
{
	switch (alg->family) {
	case ALG_RSA_OAEP:
		return usage == CKA_DECRYPT;
	case ALG_ECDH:
		return usage == CKA_DERIVE;
	case ALG_AES_KW:
		return usage == CKA_WRAP || usage == CKA_UNWRAP || usage == CKA_ENCRYPT || usage == CKA_DECRYPT;
	case ALG_AES_GCMKW:
		return usage == CKA_ENCRYPT || usage == CKA_DECRYPT;
	}
	return false;
}

/* One English list of what is wrong with the object, empty if nothing is. */
static void complaints(struct worker *worker, const struct alg *alg, CK_OBJECT_HANDLE object, char *ret_text,
	size_t size)
{
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		const char *name;
	} usages[] = {
		{CKA_DECRYPT, "decrypt"},
		{CKA_UNWRAP, "unwrap"},
		{CKA_DERIVE, "derive"},
		{CKA_SIGN, "sign"},
		{CKA_ENCRYPT, "encrypt"},
		{CKA_WRAP, "wrap"},
		{CKA_VERIFY, "verify"},
		{CKA_SIGN_RECOVER, "sign with recovery"},
	};
	struct session *session = &worker->token.session;
	const char *more[] = {"", "", ""};
	size_t used;

	if (object_flag(session, object, CKA_EXTRACTABLE))
		more[0] = "extractable, ";
	if (!object_flag(session, object, CKA_SENSITIVE))
		more[1] = "not sensitive, ";
	if (!object_flag(session, object, CKA_PRIVATE))
		more[2] = "not private, ";
	used = (size_t)snprintf(ret_text, size, "%s%s%s", more[0], more[1], more[2]);
	for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++)
		if (!needed(alg, usages[i].type) && object_flag(session, object, usages[i].type) && used < size)
			used += (size_t)snprintf(ret_text + used, size - used, "may %s, ", usages[i].name);
	if (used >= 2 && used < size)
		ret_text[used - 2] = '\0';
}

static bool read_id(struct worker *worker, CK_OBJECT_HANDLE object, ProtobufCBinaryData *ret_id,
	Cek__Internal__V1__JobResult *result)
{
	uint8_t *id = arena_alloc(&worker->token.arena, CKA_ID_MAX);
	size_t len = 0;

	if (!id || object_read(&worker->token.session, object, CKA_ID, id, CKA_ID_MAX, &len) != CKR_OK || len == 0) {
		manage_fail(worker, result, OUTCOME(REFUSED), "the object has no CKA_ID of 1 to %d bytes; give it one",
			CKA_ID_MAX);
		return false;
	}
	*ret_id = (ProtobufCBinaryData){len, id};
	return true;
}

/* The one object that the job can mean, if it is a key for this alg; if not, false and result says why. */
static bool find_one(struct worker *worker, const Cek__Internal__V1__AdoptJob *job, const struct alg *alg,
	CK_OBJECT_HANDLE *ret_object, Cek__Internal__V1__JobResult *result)
{
	CK_OBJECT_HANDLE object = 0;
	CK_ULONG n = 0;
	bool fits = false;
	CK_RV rv = find(worker, job, alg, &object, &n);

	if (rv != CKR_OK) {
		manage_fail_rv(worker, result, "looking for the object", rv);
		return false;
	}
	if (n != 1) {
		manage_fail(worker, result, n == 0 ? OUTCOME(MISSING) : OUTCOME(REFUSED),
			n == 0 ? "the token has no such private or secret key"
			       : "%lu keys fit, and nothing tells which is meant; give yours a CKA_ID of its own "
				 "and name it by that",
			n);
		return false;
	}
	rv = of_kind(&worker->token.session, object, alg, &fits);
	if (rv != CKR_OK) {
		manage_fail_rv(worker, result, "looking at the object", rv);
		return false;
	}
	if (!fits)
		manage_fail(worker, result, OUTCOME(REFUSED), "the key's type does not fit %s", alg->name);
	*ret_object = object;
	return fits;
}

void manage_adopt(struct worker *worker, const Cek__Internal__V1__AdoptJob *job,
	Cek__Internal__V1__JobResult *ret_result)
{
	const struct alg *alg = alg_find(job->alg);
	char *note = arena_alloc(&worker->token.arena, NOTE_MAX);
	CK_OBJECT_HANDLE object;
	ProtobufCBinaryData id;
	struct name name;

	if (!alg || !note || (job->cka_id.len == 0 && !*job->label)) {
		manage_fail(worker, ret_result, OUTCOME(REFUSED), "an alg, and a CKA_ID or a label, must be given");
		return;
	}
	if (!manage_can(worker, alg, NULL, ret_result) || !find_one(worker, job, alg, &object, ret_result))
		return;
	complaints(worker, alg, object, note, NOTE_MAX);
	if (*note && !job->insist) {
		manage_fail(worker, ret_result, OUTCOME(REFUSED), "the key is %s; adopt it only if you must (insist)",
			note);
		return;
	}
	if (!read_id(worker, object, &id, ret_result))
		return;
	name = (struct name){.id = id.data, .id_len = id.len, .alg = alg, .object = object};
	if (!manage_verify(worker, &name, MANAGE_ADOPTED, ret_result))
		return;
	ret_result->cka_id = id;
	if (*note)
		ret_result->note = note;
}
