/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Import: an AES key comes under the transport key, the private key under that AES key (RFC 5649), and both are
 * unwrapped inside the token. The broker and the journal see ciphertext only.
 */
#include <string.h>

#include "base/log.h"
#include "daemon/shared/testhook.h"
#include "daemon/token/manage/jobs.h"
#include "daemon/token/manage/manage.h"
#include "daemon/token/manage/plain.h"
#include "daemon/token/manage/template.h"
#include "daemon/token/manage/transport.h"
#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/curves.h"
#include "daemon/token/p11/objects.h"
#include "daemon/token/p11/public.h"

enum {
	AES_KEY_LEN = 32,
	WRAP_OVERHEAD = 8, /* and up to seven bytes of padding */
	PKCS8_AROUND = 18, /* version and algorithm of a PrivateKeyInfo for RSA */
	RSA_SLACK = 16,    /* two primes need not be of one length */
};

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static const char opened_here[] = "the token cannot unwrap this kind of key: it was opened in the worker's memory";

struct import {
	const Cek__Internal__V1__ImportJob *job;
	const struct alg *alg;
	struct public_half half; /* unless AES */
	CK_OBJECT_HANDLE transport;
	CK_OBJECT_CLASS class;
	CK_KEY_TYPE type;
	struct template template;         /* of the private or secret key */
	CK_OBJECT_HANDLE private, public; /* what was made, 0 = nothing */
	bool plain;
};

/* The AES key as a session object; readable only for the way through this process's memory. */
static CK_RV unwrap_aes(struct worker *worker, const struct import *import, bool readable, CK_OBJECT_HANDLE *ret_aes)
{
	struct session *session = &worker->token.session;
	CK_RSA_PKCS_OAEP_PARAMS oaep = {.hashAlg = CKM_SHA_1, .mgf = CKG_MGF1_SHA1, .source = CKZ_DATA_SPECIFIED};
	CK_MECHANISM mechanism = {CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep)};
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	const CK_BBOOL *sensitive = readable ? &no : &yes, *extractable = readable ? &yes : &no;
	CK_ATTRIBUTE template[] = {
		{CKA_CLASS, &class, sizeof(class)},
		{CKA_KEY_TYPE, &type, sizeof(type)},
		{CKA_TOKEN, (void *)(uintptr_t)&no, sizeof(no)},
		{CKA_SENSITIVE, (void *)(uintptr_t)sensitive, sizeof(no)},
		{CKA_EXTRACTABLE, (void *)(uintptr_t)extractable, sizeof(no)},
		{CKA_UNWRAP, (void *)(uintptr_t)&yes, sizeof(yes)},
	};

	return session->f->C_UnwrapKey(session->handle, &mechanism, import->transport,
		import->job->wrapped_aes_key.data, import->job->wrapped_aes_key.len, template, 6, ret_aes);
}

static CK_RV unwrap_in_token(struct worker *worker, struct import *import, CK_OBJECT_HANDLE aes)
{
	CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
	const ProtobufCBinaryData *wrapped = &import->job->wrapped_key;
	struct session *session = &worker->token.session;
	struct template full = {.n = 0};
	CK_RV rv;

	template_add(&full, CKA_CLASS, &import->class, sizeof(import->class));
	template_add(&full, CKA_KEY_TYPE, &import->type, sizeof(import->type));
	for (CK_ULONG i = 0; i < import->template.n; i++)
		full.attribute[full.n++] = import->template.attribute[i];
	rv = session->f->C_UnwrapKey(session->handle, &mechanism, aes, wrapped->data, wrapped->len, full.attribute,
		full.n, &import->private);
	if (rv != CKR_OK && template_without_mechanisms(&full))
		rv = session->f->C_UnwrapKey(session->handle, &mechanism, aes, wrapped->data, wrapped->len,
			full.attribute, full.n, &import->private);
	return rv;
}

static CK_RV create_from_memory(struct worker *worker, struct import *import)
{
	CK_OBJECT_HANDLE aes;
	uint8_t *kek = arena_alloc(&worker->token.arena, AES_KEY_LEN);
	size_t len = 0;
	CK_RV rv = kek ? unwrap_aes(worker, import, true, &aes) : CKR_HOST_MEMORY;

	if (rv != CKR_OK)
		return rv;
	rv = object_read(&worker->token.session, aes, CKA_VALUE, kek, AES_KEY_LEN, &len);
	object_destroy(&worker->token.session, aes);
	if (rv != CKR_OK || len != AES_KEY_LEN)
		return rv != CKR_OK ? rv : CKR_WRAPPED_KEY_INVALID;
	rv = plain_create(&worker->token, kek, &import->job->wrapped_key, import->class, import->type,
		import->half.curve, &import->template, &import->private);
	if ((rv == CKR_GENERAL_ERROR || template_refused(rv)) && template_without_mechanisms(&import->template))
		rv = plain_create(&worker->token, kek, &import->job->wrapped_key, import->class, import->type,
			import->half.curve, &import->template, &import->private);
	import->plain = rv == CKR_OK;
	return rv;
}

static CK_RV import_private(struct worker *worker, struct import *import)
{
	CK_OBJECT_HANDLE aes;
	CK_RV rv = unwrap_aes(worker, import, false, &aes);

	if (rv == CKR_OK) {
		rv = unwrap_in_token(worker, import, aes);
		object_destroy(&worker->token.session, aes);
	}
	if (rv == CKR_OK)
		return rv;
	log_info("import: C_UnwrapKey says %s; trying it in the worker", ckr_name(rv));
	return create_from_memory(worker, import);
}

/* RSA private keys hold their public half, EC keys do not: both get a public key object. */
static CK_RV create_public(struct worker *worker, struct import *import)
{
	const struct public_half *half = &import->half;
	const struct facts *facts = &worker->token.facts;
	struct session *session = &worker->token.session;
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	struct template template;
	uint8_t point[POINT_MAX + 3] = {0x04, 0x81};
	const size_t header = half->point_len < 128 ? 2 : 3;
	size_t len = 0;
	CK_RV rv;

	template_public(&template, import->alg, import->job->label, &import->job->cka_id);
	template_add(&template, CKA_CLASS, &class, sizeof(class));
	template_add(&template, CKA_KEY_TYPE, &import->type, sizeof(import->type));
	if (!half->curve) {
		template_add(&template, CKA_MODULUS, half->n, half->n_len);
		template_add(&template, CKA_PUBLIC_EXPONENT, half->e, half->e_len);
	} else {
		const unsigned way = facts->curve[facts_curve_index(half->curve)].params_way;
		const uint8_t *params = curves_params(half->curve, way, &len);

		point[header - 1] = (uint8_t)half->point_len;
		memcpy(point + header, half->point, half->point_len);
		template_add(&template, CKA_EC_PARAMS, params, len);
		template_add(&template, CKA_EC_POINT, point, header + half->point_len);
	}
	rv = session->f->C_CreateObject(session->handle, template.attribute, template.n, &import->public);
	/* PKCS#11 3.0 leaves open how the point of X25519 is written: SoftHSM wants an OCTET STRING, new NSS none. */
	if (half->curve && half->point_len == half->curve->field_len &&
		(rv == CKR_TEMPLATE_INCONSISTENT || rv == CKR_ATTRIBUTE_VALUE_INVALID)) {
		template.attribute[template.n - 1] = (CK_ATTRIBUTE){CKA_EC_POINT, point + header, half->point_len};
		rv = session->f->C_CreateObject(session->handle, template.attribute, template.n, &import->public);
	}
	return rv;
}

/* A DER element of so many bytes, with what stands before it. */
static size_t der(size_t len)
{
	return len + (len < 128 ? 2 : len < 256 ? 3 : 4);
}

/* The key is opened inside the token, which shows nothing of it. But a third prime makes it longer than a key of two
 * can be (by 48 bytes for 2048 bits), and a token may take it for one of two: then n is not p q. */
static bool has_two_primes(const struct import *import)
{
	const size_t n = der(import->half.n_len + 1), e = der(import->half.e_len + 1);
	const size_t part = der((import->half.n_len + 1) / 2 + 1);
	const size_t key = der(der(1) + 2 * n + e + 5 * part);
	const size_t info = der(PKCS8_AROUND + der(key)) + RSA_SLACK;

	return import->job->wrapped_key.len <= (info + 7) / 8 * 8 + WRAP_OVERHEAD;
}

static bool prepare(struct worker *worker, struct import *import, Cek__Internal__V1__JobResult *result)
{
	const Cek__Internal__V1__ImportJob *job = import->job;

	import->alg = alg_find(job->alg);
	if (!import->alg) {
		manage_fail(worker, result, OUTCOME(UNSUPPORTED), "cekd does not know this alg");
		return false;
	}
	if (!manage_can(worker, import->alg, job->public_key ? curve_find(job->public_key->crv) : NULL, result))
		return false;
	if (!transport_find(job->transport_id, &import->transport)) {
		manage_fail(worker, result, OUTCOME(REFUSED),
			"the transport key is gone; ask for another and wrap again");
		return false;
	}
	import->class = CKO_SECRET_KEY;
	import->type = CKK_AES;
	if (import->alg->family == ALG_AES_KW || import->alg->family == ALG_AES_GCMKW) {
		template_secret(&import->template, &worker->token.facts, import->alg, job->label, &job->cka_id);
		/* SoftHSM does not tell the length of an unwrapped key afterwards. */
		if (job->wrapped_key.len != import->alg->key_bits / 8 + WRAP_OVERHEAD) {
			manage_fail(worker, result, OUTCOME(REFUSED), "an %s key has %u bits", job->alg,
				import->alg->key_bits);
			return false;
		}
		return manage_id_free(worker, &job->cka_id, result);
	}
	if (!job->public_key || !public_from_jose(job->public_key, &import->half) ||
		(import->half.curve != NULL) != (import->alg->family == ALG_ECDH)) {
		manage_fail(worker, result, OUTCOME(REFUSED), "the public key is missing, malformed or does not fit %s",
			job->alg);
		return false;
	}
	if (!import->half.curve && !has_two_primes(import)) {
		manage_fail(worker, result, OUTCOME(REFUSED),
			"the wrapped key is longer than an RSA key of two primes; more are not supported");
		return false;
	}
	import->class = CKO_PRIVATE_KEY;
	import->type = import->half.curve ? facts_key_type(&worker->token.facts, import->half.curve) : CKK_RSA;
	template_private(&import->template, &worker->token.facts, import->alg, job->label, &job->cka_id);
	return manage_id_free(worker, &job->cka_id, result);
}

/* The kid is made of the public key that came along: it must be the one that belongs to the private key. */
static bool same_public(struct worker *worker, const struct import *import, Cek__Internal__V1__JobResult *result)
{
	char kid[KID_LEN];

	if (import->class == CKO_SECRET_KEY)
		return true;
	public_thumbprint(&import->half, kid);
	if (strcmp(kid, result->kid) == 0)
		return true;
	manage_fail(worker, result, OUTCOME(REFUSED), "the public key does not belong to the private key");
	return false;
}

/* What the token said to the wrapped key; a hard error is not about that. */
static void explain(struct worker *worker, const Cek__Internal__V1__ImportJob *job, CK_RV rv,
	Cek__Internal__V1__JobResult *result)
{
	bool again;
	const outcome_t outcome = judge(worker, rv, NULL, 1, &again);

	if (outcome == OUTCOME(FAILED) && ckr_class(rv) != CKR_CLASS_HARD)
		manage_fail(worker, result, OUTCOME(REFUSED),
			"the wrapped key does not open, or is no plain key for %s", job->alg);
	else
		manage_fail_rv(worker, result, "importing the key", rv);
}

void manage_import(struct worker *worker, const Cek__Internal__V1__ImportJob *job,
	Cek__Internal__V1__JobResult *ret_result)
{
	struct import import = {.job = job};
	struct name name = {.id = job->cka_id.data, .id_len = job->cka_id.len};
	CK_RV rv;

	if (!prepare(worker, &import, ret_result))
		return;
	name.alg = import.alg;
	testhook_step("manage.import.before");
	rv = import_private(worker, &import);
	testhook_step("manage.import.after");
	if (rv != CKR_OK)
		explain(worker, job, rv, ret_result);
	else if (import.class == CKO_PRIVATE_KEY)
		rv = create_public(worker, &import);
	if (import.private && rv != CKR_OK) {
		manage_fail_rv(worker, ret_result, "making the public key object", rv);
	} else if (rv == CKR_OK && manage_verify(worker, &name, MANAGE_IMPORTED, ret_result) &&
		same_public(worker, &import, ret_result)) {
		ret_result->note = (char *)(uintptr_t)(import.plain ? opened_here : "");
		transport_served();
		return;
	}
	keys_forget(&worker->keys, job->cka_id.data, job->cka_id.len);
	if (import.private)
		object_destroy(&worker->token.session, import.private);
	if (import.public)
		object_destroy(&worker->token.session, import.public);
}

void manage_transport(struct worker *worker, const Cek__Internal__V1__TransportJob *job,
	Cek__Internal__V1__JobResult *ret_result)
{
	struct public_half *half = arena_alloc(&worker->token.arena, sizeof(*half));
	Cek__V1__PublicKey *jose = arena_alloc(&worker->token.arena, sizeof(*jose));
	char *id = arena_alloc(&worker->token.arena, TRANSPORT_ID_LEN);
	CK_RV rv = half && jose && id ? transport_open(worker, id, half) : CKR_HOST_MEMORY;

	(void)job;
	if (rv != CKR_OK) {
		manage_fail_rv(worker, ret_result, "making a transport key", rv);
		return;
	}
	public_to_jose(half, jose);
	ret_result->transport_id = id;
	ret_result->public_key = jose;
	ret_result->bits = TRANSPORT_BITS;
	ret_result->outcome = OUTCOME(OK);
}

bool manage_transport_open(void)
{
	return transport_is_open();
}
