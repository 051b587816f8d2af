/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/facts/facts.h"

#include <stdio.h>

#include "base/clock.h"
#include "daemon/token/p11/ckr.h"

unsigned facts_hash_index(const struct alg *alg)
{
	return alg->hash_bits == 1 ? 0 : alg->hash_bits / 128 - 1;
}

unsigned facts_curve_index(const struct curve *curve)
{
	return (unsigned)(curve - curve_row(0));
}

CK_KEY_TYPE facts_key_type(const struct facts *facts, const struct curve *curve)
{
	switch (facts->curve[facts_curve_index(curve)].generate) {
	case CKM_EC_EDWARDS_KEY_PAIR_GEN:
		return CKK_EC_EDWARDS;
	case CKM_MONTGOMERY_KEY_PAIR_GEN:
		return CKK_MONTGOMERY;
	default:
		return CKK_EC;
	}
}

/* What is in doubt about alg, CKR_OK if nothing is. */
static CK_RV doubt_of(const struct facts *facts, const struct alg *alg)
{
	if (alg->family != ALG_ECDH)
		return facts->doubt[alg->family == ALG_RSA_OAEP ? FACTS_RSA : FACTS_AES];
	for (unsigned i = 0; i < FACTS_CURVES; i++)
		if (facts->doubt[FACTS_CURVE_0 + i] != CKR_OK)
			return facts->doubt[FACTS_CURVE_0 + i];
	return CKR_OK;
}

/* SoftHSM says CKR_ARGUMENTS_BAD to a hash that it does not do. */
static bool clearly_refused(CK_RV rv)
{
	const enum ckr_class class = ckr_class(rv);

	return class == CKR_CLASS_UNSUPPORTED || class == CKR_CLASS_DATA || rv == CKR_ARGUMENTS_BAD ||
		rv == CKR_CEKD_WRONG;
}

void facts_note(struct facts *facts, unsigned group, CK_RV rv)
{
	if (rv != CKR_OK && !clearly_refused(rv) && facts->doubt[group] == CKR_OK)
		facts->doubt[group] = rv;
}

uint64_t facts_wait_us(const struct facts *facts)
{
	const uint64_t age = clock_monotonic_us() - facts->tried_us;

	if (facts->n_doubts == 0)
		return UINT64_MAX;
	return age < facts->pause_us ? facts->pause_us - age : 0;
}

static bool describe_rsa(const struct facts *facts, const struct alg *alg, const char **ret_how)
{
	const unsigned index = facts_hash_index(alg);

	if (facts->oaep[index])
		*ret_how = "CKM_RSA_PKCS_OAEP in the token";
	else if (facts->raw_rsa)
		*ret_how = "CKM_RSA_X_509 in the token, OAEP decoding in the worker";
	else
		*ret_how = "the token does neither CKM_RSA_PKCS_OAEP with this hash nor CKM_RSA_X_509";
	return facts->oaep[index] || facts->raw_rsa;
}

static bool describe_ecdh(const struct facts *facts, const struct alg *alg, const char **ret_how)
{
	static char text[160];
	size_t used = 0;

	for (size_t i = 0; i < FACTS_CURVES && curve_row(i); i++)
		if (facts->curve[i].works)
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

static bool describe(const struct facts *facts, const struct alg *alg, const char **ret_how)
{
	switch (alg->family) {
	case ALG_RSA_OAEP:
		return describe_rsa(facts, alg, ret_how);
	case ALG_AES_KW:
		*ret_how = facts->kw == KW_CIPHER ? "CKM_AES_KEY_WRAP in the token (C_Encrypt, C_Decrypt)"
			: facts->kw == KW_OBJECT  ? "CKM_AES_KEY_WRAP in the token (C_WrapKey, C_UnwrapKey)"
						  : "the token does not do CKM_AES_KEY_WRAP";
		return facts->kw != KW_NONE;
	case ALG_AES_GCMKW:
		*ret_how = facts->gcm ? "CKM_AES_GCM in the token" : "the token does not do CKM_AES_GCM";
		return facts->gcm;
	case ALG_ECDH:
		return describe_ecdh(facts, alg, ret_how);
	}
	return false;
}

bool facts_describe(const struct facts *facts, const struct alg *alg, const char **ret_how)
{
	static char text[256];
	const bool works = describe(facts, alg, ret_how);
	const CK_RV doubt = doubt_of(facts, alg);

	if (doubt == CKR_OK || (works && alg->family != ALG_ECDH))
		return works;
	if (works)
		snprintf(text, sizeof(text), "%s; on other curves not tried successfully yet: %s", *ret_how,
			ckr_name(doubt));
	else
		snprintf(text, sizeof(text), "not tried successfully yet: %s", ckr_says(doubt));
	*ret_how = text;
	return works;
}

/* Of all that ECDH-ES needs only the curve of the key counts. */
bool facts_settled(const struct facts *facts, const struct alg *alg, const struct curve *curve)
{
	const char *how;

	if (alg->family == ALG_ECDH && curve)
		return facts->curve[facts_curve_index(curve)].works ||
			facts->doubt[FACTS_CURVE_0 + facts_curve_index(curve)] == CKR_OK;
	return facts_describe(facts, alg, &how) || doubt_of(facts, alg) == CKR_OK;
}
