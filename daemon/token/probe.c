#include "probe.h"

#include <stdio.h>
#include <string.h>

#include "mech.h"
#include "probe_pairs.h"
#include "roundtrip.h"
#include "worker.h"

unsigned probe_hash_index(const struct alg *alg)
{
	return alg->hash_bits == 1 ? 0 : alg->hash_bits / 128 - 1;
}

unsigned probe_curve_index(const struct curve *curve)
{
	return (unsigned)(curve - curve_row(0));
}

CK_KEY_TYPE probe_key_type(const struct probe *probe, const struct curve *curve)
{
	switch (probe->curve[probe_curve_index(curve)].generate) {
	case CKM_EC_EDWARDS_KEY_PAIR_GEN:
		return CKK_EC_EDWARDS;
	case CKM_MONTGOMERY_KEY_PAIR_GEN:
		return CKK_MONTGOMERY;
	default:
		return CKK_EC;
	}
}

static CK_RV session_aes_key(struct worker *worker, bool cipher, struct key *ret_key)
{
	CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_ULONG len = 32;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_BBOOL *wraps = cipher ? &no : &yes, *encrypts = cipher ? &yes : &no;
	CK_ATTRIBUTE template[] = {
		{ CKA_VALUE_LEN, &len, sizeof(len) },  { CKA_TOKEN, &no, sizeof(no) },
		{ CKA_SENSITIVE, &yes, sizeof(yes) },  { CKA_EXTRACTABLE, &no, sizeof(no) },
		{ CKA_ENCRYPT, encrypts, sizeof(no) }, { CKA_DECRYPT, encrypts, sizeof(no) },
		{ CKA_WRAP, wraps, sizeof(no) },       { CKA_UNWRAP, wraps, sizeof(no) },
	};

	*ret_key = (struct key){
		.class = CKO_SECRET_KEY,
		.type = CKK_AES,
		.value_len = len,
		.can_decrypt = cipher,
		.can_unwrap = !cipher,
	};
	return worker->session.f->C_GenerateKey(worker->session.handle, &mechanism, template,
						sizeof(template) / sizeof(template[0]), &ret_key->handle);
}

static void probe_aes(struct worker *worker)
{
	CK_FUNCTION_LIST *f = worker->session.f;
	struct key key;

	if (session_aes_key(worker, true, &key) == CKR_OK) {
		worker->probe.kw = KW_CIPHER;
		if (round_trip(worker, &key, alg_find("A256KW")) != CKR_OK)
			worker->probe.kw = KW_NONE;
		worker->probe.gcm = true;
		worker->probe.gcm = round_trip(worker, &key, alg_find("A256GCMKW")) == CKR_OK;
		f->C_DestroyObject(worker->session.handle, key.handle);
	}
	if (worker->probe.kw == KW_NONE && session_aes_key(worker, false, &key) == CKR_OK) {
		worker->probe.kw = KW_OBJECT;
		if (round_trip(worker, &key, alg_find("A256KW")) != CKR_OK)
			worker->probe.kw = KW_NONE;
		f->C_DestroyObject(worker->session.handle, key.handle);
	}
}

CK_RV probe_run(struct worker *worker)
{
	CK_SESSION_INFO session;
	CK_RV rv = worker->session.f->C_GetSessionInfo(worker->session.handle, &session);

	if (rv != CKR_OK)
		return rv;
	probe_aes(worker);
	arena_reset(&worker->arena);
	probe_rsa(worker);
	arena_reset(&worker->arena);
	probe_curves(worker);
	arena_reset(&worker->arena);
	return CKR_OK;
}

static bool describe_rsa(const struct probe *probe, const struct alg *alg, const char **ret_how)
{
	const unsigned index = probe_hash_index(alg);

	if (probe->oaep[index])
		*ret_how = "CKM_RSA_PKCS_OAEP in the token";
	else if (probe->raw_rsa)
		*ret_how = "CKM_RSA_X_509 in the token, OAEP decoding in the worker";
	else
		*ret_how = "the token does neither CKM_RSA_PKCS_OAEP with this hash nor CKM_RSA_X_509";
	return probe->oaep[index] || probe->raw_rsa;
}

static bool describe_ecdh(const struct probe *probe, const struct alg *alg, const char **ret_how)
{
	static char text[160];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < PROBE_CURVES && curve_row(i); i++)
		if (probe->curve[i].works)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
						 used ? ", " : "CKM_ECDH1_DERIVE in the token (", curve_row(i)->name);
	if (used == 0) {
		*ret_how = "the token does not do CKM_ECDH1_DERIVE on any of our curves";
		return false;
	}
	snprintf(text + used, sizeof(text) - used, "), Concat KDF%s in the worker",
		 alg->key_bits ? " and AES key wrap" : "");
	*ret_how = text;
	return true;
}

bool probe_describe(const struct probe *probe, const struct alg *alg, const char **ret_how)
{
	switch (alg->family) {
	case ALG_RSA_OAEP:
		return describe_rsa(probe, alg, ret_how);
	case ALG_AES_KW:
		*ret_how = probe->kw == KW_CIPHER ? "CKM_AES_KEY_WRAP in the token (C_Encrypt, C_Decrypt)"
			 : probe->kw == KW_OBJECT ? "CKM_AES_KEY_WRAP in the token (C_WrapKey, C_UnwrapKey)"
						  : "the token does not do CKM_AES_KEY_WRAP";
		return probe->kw != KW_NONE;
	case ALG_AES_GCMKW:
		*ret_how = probe->gcm ? "CKM_AES_GCM in the token" : "the token does not do CKM_AES_GCM";
		return probe->gcm;
	case ALG_ECDH:
		return describe_ecdh(probe, alg, ret_how);
	}
	return false;
}
