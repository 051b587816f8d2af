/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generation inside the token. What a call made and could not finish is destroyed in the same call.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/shared/testhook.h"
#include "daemon/token/manage/jobs.h"
#include "daemon/token/manage/manage.h"
#include "daemon/token/manage/template.h"
#include "daemon/token/manage/transport.h"
#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/curves.h"
#include "daemon/token/p11/objects.h"
#include "daemon/token/p11/public.h"

enum {
	PAUSE_MAX_MS = 8,
	TRIES_MAX = 8, /* pairs made for one whose thumbprint does not begin with "-": one of 64 does */
};

struct made {
	CK_OBJECT_HANDLE public, private; /* 0 = none; a secret key counts as private */
};

/* One call of C_GenerateKey or, with public, C_GenerateKeyPair. */
static CK_RV call(struct worker *worker, CK_MECHANISM *mechanism, struct template *public, struct template *private,
	struct made *ret_made)
{
	struct session *session = &worker->token.session;

	if (!public)
		return session->f->C_GenerateKey(session->handle, mechanism, private->attribute, private->n,
			&ret_made->private);
	return session->f->C_GenerateKeyPair(session->handle, mechanism, public->attribute, public->n,
		private->attribute, private->n, &ret_made->public, &ret_made->private);
}

/* While other processes work SoftHSM answers CKR_GENERAL_ERROR once in a while, before it has made anything, until it
 * has read its files again, or until C_Initialize: another try helps. NSS says the same when it has no column for
 * CKA_ALLOWED_MECHANISMS. */
static CK_RV generate(struct worker *worker, CK_MECHANISM_TYPE type, struct template *public, struct template *private,
	const ProtobufCBinaryData *id, struct made *ret_made)
{
	CK_MECHANISM mechanism = {type, NULL, 0};
	CK_RV rv;

	if (worker->token.facts.no_allowed_mechanisms)
		template_without_mechanisms(private);
	rv = call(worker, &mechanism, public, private, ret_made);
	for (int pause_ms = 1; rv == CKR_GENERAL_ERROR && pause_ms <= PAUSE_MAX_MS; pause_ms *= 2) {
		(void)poll(NULL, 0, pause_ms);
		manage_destroy_leftovers(worker, id);
		rv = call(worker, &mechanism, public, private, ret_made);
	}
	if (rv == CKR_GENERAL_ERROR && transport_let_go(worker)) {
		rv = manage_begin_anew(worker);
		if (rv != CKR_OK)
			return rv;
		rv = call(worker, &mechanism, public, private, ret_made);
	}
	if ((rv == CKR_GENERAL_ERROR || template_refused(rv)) && template_without_mechanisms(private)) {
		rv = call(worker, &mechanism, public, private, ret_made);
		worker->token.facts.no_allowed_mechanisms = rv == CKR_OK;
		if (rv == CKR_OK)
			log_info("the token does not take CKA_ALLOWED_MECHANISMS; usage flags alone limit its keys");
	}
	return rv;
}

/* CKA_ALLOWED_MECHANISMS stays the last attribute. */
static CK_RV generate_secret(struct worker *worker, const Cek__Internal__V1__GenerateJob *job, const struct alg *alg,
	struct made *ret_made)
{
	CK_ULONG len = alg->key_bits / 8;
	struct template template;
	CK_ATTRIBUTE last;

	template_secret(&template, &worker->token.facts, alg, job->label, &job->cka_id);
	last = template.attribute[--template.n];
	template_add(&template, CKA_VALUE_LEN, &len, sizeof(len));
	template.attribute[template.n++] = last;
	return generate(worker, CKM_AES_KEY_GEN, NULL, &template, &job->cka_id, ret_made);
}

/* Whether the token takes CKA_ALLOWED_MECHANISMS is cheaper to learn with an AES key than with several RSA key pairs.
 * It has the CKA_ID of the intent, in case this process dies here. */
static void learn_mechanisms(struct worker *worker, const Cek__Internal__V1__GenerateJob *job)
{
	struct made made = {0};

	if (worker->token.facts.mechanisms_learned)
		return;
	worker->token.facts.mechanisms_learned = true;
	if (generate_secret(worker, job, alg_find("A256KW"), &made) == CKR_OK)
		object_destroy(&worker->token.session, made.private);
}

static CK_RV generate_rsa(struct worker *worker, const Cek__Internal__V1__GenerateJob *job, const struct alg *alg,
	struct made *ret_made)
{
	CK_BYTE exponent[] = {1, 0, 1};
	CK_ULONG bits = job->bits ? job->bits : RSA_BITS_DEFAULT;
	struct template public, private;

	template_public(&public, alg, job->label, &job->cka_id);
	template_add(&public, CKA_MODULUS_BITS, &bits, sizeof(bits));
	template_add(&public, CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent));
	template_private(&private, &worker->token.facts, alg, job->label, &job->cka_id);
	return generate(worker, CKM_RSA_PKCS_KEY_PAIR_GEN, &public, &private, &job->cka_id, ret_made);
}

static CK_RV generate_ec(struct worker *worker, const Cek__Internal__V1__GenerateJob *job, const struct alg *alg,
	struct made *ret_made)
{
	const struct curve *curve = curve_find(job->crv && *job->crv ? job->crv : "P-256");
	const unsigned index = facts_curve_index(curve);
	struct template public, private;
	size_t len = 0;
	const uint8_t *params = curves_params(curve, worker->token.facts.curve[index].params_way, &len);

	template_public(&public, alg, job->label, &job->cka_id);
	template_add(&public, CKA_EC_PARAMS, params, len);
	template_private(&private, &worker->token.facts, alg, job->label, &job->cka_id);
	return generate(worker, worker->token.facts.curve[index].generate, &public, &private, &job->cka_id, ret_made);
}

static bool acceptable(struct worker *worker, const Cek__Internal__V1__GenerateJob *job, const struct alg *alg,
	Cek__Internal__V1__JobResult *result)
{
	const struct curve *curve = curve_find(job->crv && *job->crv ? job->crv : "P-256");

	if (!alg)
		manage_fail(worker, result, OUTCOME(UNSUPPORTED), "cekd does not know alg %s", job->alg);
	else if (alg->family == ALG_ECDH && !curve)
		manage_fail(worker, result, OUTCOME(REFUSED), "crv %s: P-256, P-384, P-521 or X25519", job->crv);
	else if (!manage_can(worker, alg, alg->family == ALG_ECDH ? curve : NULL, result))
		return false;
	else if (alg->family == ALG_RSA_OAEP && job->bits &&
		(job->bits < RSA_BITS_MIN || job->bits > RSA_BITS_MAX || job->bits % 1024))
		manage_fail(worker, result, OUTCOME(REFUSED), "bits %u: 2048, 3072 or 4096", job->bits);
	else
		return manage_id_free(worker, &job->cka_id, result);
	return false;
}

/* A generation that failed halfway may have left a public half with this CKA_ID, which would be taken for this key's.
 */
static void drop_leftovers(struct worker *worker, const struct made *made, const ProtobufCBinaryData *id)
{
	CK_OBJECT_HANDLE *objects;
	CK_ULONG n = 0;

	if (!made->public || public_objects(&worker->token.session, id->data, id->len, &objects, &n) != CKR_OK)
		return;
	for (CK_ULONG i = 0; i < n; i++)
		if (objects[i] != made->public)
			object_destroy(&worker->token.session, objects[i]);
	free(objects);
}

static void undo(struct worker *worker, const struct made *made, const ProtobufCBinaryData *id)
{
	keys_forget(&worker->keys, id->data, id->len);
	if (made->private)
		object_destroy(&worker->token.session, made->private);
	if (made->public)
		object_destroy(&worker->token.session, made->public);
}

static CK_RV make(struct worker *worker, const Cek__Internal__V1__GenerateJob *job, const struct alg *alg,
	struct made *ret_made)
{
	switch (alg->family) {
	case ALG_RSA_OAEP:
		return generate_rsa(worker, job, alg, ret_made);
	case ALG_ECDH:
		return generate_ec(worker, job, alg, ret_made);
	default:
		return generate_secret(worker, job, alg, ret_made);
	}
}

/* One key, whole and found to work, or nothing and the failure in result. */
static bool make_one(struct worker *worker, const Cek__Internal__V1__GenerateJob *job, const struct alg *alg,
	struct made *ret_made, Cek__Internal__V1__JobResult *result)
{
	const struct name name = {.id = job->cka_id.data, .id_len = job->cka_id.len, .alg = alg};
	struct made made = {0};
	CK_RV rv = make(worker, job, alg, &made);

	if (rv == CKR_OK)
		drop_leftovers(worker, &made, &job->cka_id);
	testhook_step("manage.generate.after");
	if (rv != CKR_OK) {
		manage_fail_rv(worker, result, "generating the key", rv);
		return false;
	}
	if (!manage_verify(worker, &name, MANAGE_GENERATED, result)) {
		undo(worker, &made, &job->cka_id);
		return false;
	}
	*ret_made = made;
	return true;
}

/* A kid that begins with "-" looks like an option to every command line. That of a pair is its thumbprint, so that only
 * another pair has another; the broker sees to that of an AES key. False if this one stays: it is a good one. A public
 * half that does not go falls to drop_leftovers(). */
static bool give_back(struct worker *worker, const struct made *made, const ProtobufCBinaryData *id, const char *kid)
{
	if (kid[0] != '-' || !made->public)
		return false;
	keys_forget(&worker->keys, id->data, id->len);
	if (object_destroy(&worker->token.session, made->private) != CKR_OK)
		return false;
	object_destroy(&worker->token.session, made->public);
	return true;
}

void manage_generate(struct worker *worker, const Cek__Internal__V1__GenerateJob *job,
	Cek__Internal__V1__JobResult *ret_result)
{
	const struct alg *alg = alg_find(job->alg);
	struct made made;

	if (!acceptable(worker, job, alg, ret_result))
		return;
	testhook_step("manage.generate.before");
	if (alg->family == ALG_RSA_OAEP)
		learn_mechanisms(worker, job);
	for (int tries = 1; make_one(worker, job, alg, &made, ret_result); tries++)
		if (tries == TRIES_MAX || !give_back(worker, &made, &job->cka_id, ret_result->kid))
			break;
	if (ret_result->outcome == OUTCOME(OK))
		ret_result->cka_id = job->cka_id;
}
