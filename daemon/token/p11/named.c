/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/p11/named.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/curves.h"
#include "daemon/token/p11/objects.h"
#include "daemon/token/p11/public.h"

CK_OBJECT_CLASS named_class(const struct alg *alg)
{
	return alg->family == ALG_RSA_OAEP || alg->family == ALG_ECDH ? CKO_PRIVATE_KEY : CKO_SECRET_KEY;
}

bool named_type_fits(const struct alg *alg, CK_KEY_TYPE type)
{
	switch (alg->family) {
	case ALG_RSA_OAEP:
		return type == CKK_RSA;
	case ALG_ECDH:
		return type == CKK_EC || type == CKK_EC_EDWARDS || type == CKK_MONTGOMERY;
	default:
		return type == CKK_AES;
	}
}

/* One of several flags is enough. */
static CK_RV allows(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool *permitted)
{
	CK_BBOOL value = CK_FALSE;
	enum told told;
	size_t len;
	CK_RV rv = object_tells(session, object, type, &value, sizeof(value), &len, &told);

	if (rv == CKR_OK && (told != TOLD || value))
		*permitted = true;
	return rv;
}

CK_RV named_permitted(struct session *session, CK_OBJECT_HANDLE object, const struct alg *alg, bool *ret_permitted)
{
	CK_RV rv;

	*ret_permitted = false;
	if (alg->family == ALG_ECDH)
		return allows(session, object, CKA_DERIVE, ret_permitted);
	rv = allows(session, object, CKA_DECRYPT, ret_permitted);
	if (rv == CKR_OK && alg->family == ALG_AES_KW)
		rv = allows(session, object, CKA_UNWRAP, ret_permitted);
	return rv;
}

CK_RV named_candidates(struct session *session, const struct name *name, CK_OBJECT_HANDLE **ret_objects,
	CK_ULONG *ret_n)
{
	CK_BBOOL yes = CK_TRUE;
	CK_OBJECT_CLASS class = named_class(name->alg);
	CK_ATTRIBUTE template[] = {
		{CKA_TOKEN, &yes, sizeof(yes)},
		{CKA_CLASS, &class, sizeof(class)},
		{CKA_ID, (void *)(uintptr_t)name->id, name->id_len},
	};
	CK_OBJECT_HANDLE *objects;
	CK_ULONG n = 0, kept = 0;
	CK_RV rv = objects_find_all(session, template, 3, &objects, &n);

	if (rv != CKR_OK)
		return rv;
	for (CK_ULONG i = 0; rv == CKR_OK && i < n; i++) {
		CK_KEY_TYPE type = 0;
		size_t len;

		if (name->object && objects[i] != name->object)
			continue;
		rv = object_read(session, objects[i], CKA_KEY_TYPE, &type, sizeof(type), &len);
		if (rv == CKR_OK && named_type_fits(name->alg, type))
			objects[kept++] = objects[i];
		else if (rv == CKR_OBJECT_HANDLE_INVALID) /* it went just now */
			rv = CKR_OK;
	}
	if (rv != CKR_OK) {
		free(objects);
		return rv;
	}
	*ret_objects = objects;
	*ret_n = kept;
	return CKR_OK;
}

static CK_RV compare_rsa(struct session *session, CK_OBJECT_HANDLE object, const struct public_half *half,
	enum named_same *ret_same)
{
	uint8_t n[RSA_BITS_MAX / 8 + 1];
	size_t len = 0, zeros = 0;
	enum told told;
	CK_RV rv = object_tells(session, object, CKA_MODULUS, n, sizeof(n), &len, &told);

	*ret_same = told == TOLD_NOTHING ? NAMED_UNKNOWN : NAMED_OTHER;
	if (rv != CKR_OK || told != TOLD)
		return rv;
	while (zeros < len && n[zeros] == 0)
		zeros++;
	if (len - zeros == half->n_len && memcmp(n + zeros, half->n, half->n_len) == 0)
		*ret_same = NAMED_SAME;
	return CKR_OK;
}

/* None of our curves has parameters that are long. */
static CK_RV compare_ec(const struct finder *finder, CK_OBJECT_HANDLE object, const struct public_half *half,
	enum named_same *ret_same)
{
	uint8_t params[64];
	size_t len = 0;
	enum told told;
	CK_RV rv = object_tells(finder->session, object, CKA_EC_PARAMS, params, sizeof(params), &len, &told);

	*ret_same = told == TOLD_NOTHING ? NAMED_UNKNOWN : NAMED_OTHER;
	if (rv != CKR_OK || told != TOLD || curves_from_params(params, len) != half->curve)
		return rv;
	*ret_same = NAMED_UNKNOWN;
	return finder->compare ? finder->compare(finder->context, object, half, ret_same) : CKR_OK;
}

CK_RV named_compare(const struct finder *finder, CK_OBJECT_HANDLE object, const struct public_half *half,
	enum named_same *ret_same)
{
	CK_RV rv = half->curve ? compare_ec(finder, object, half, ret_same)
			       : compare_rsa(finder->session, object, half, ret_same);

	if (rv == CKR_OK)
		return rv;
	*ret_same = rv == CKR_OBJECT_HANDLE_INVALID ? NAMED_OTHER : NAMED_UNKNOWN; /* the first: it went just now */
	return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_OK : rv;
}

/* Several objects with one public half are one key. A token that does not answer for one of them may answer for the
 * right one. */
static CK_RV find_by_public(const struct finder *finder, const struct name *name, const struct public_half *half,
	const CK_OBJECT_HANDLE *objects, CK_ULONG n, CK_OBJECT_HANDLE *ret_object)
{
	CK_RV worst = CKR_CEKD_MISSING;
	bool found = false;

	for (CK_ULONG i = 0; i < n; i++) {
		enum named_same same = NAMED_UNKNOWN;
		bool permitted = false;
		CK_RV rv = named_compare(finder, objects[i], half, &same);

		if (rv == CKR_OK && same == NAMED_SAME)
			rv = named_permitted(finder->session, objects[i], name->alg, &permitted);
		if (rv != CKR_OK)
			worst = rv;
		if (rv != CKR_OK || same != NAMED_SAME)
			continue;
		*ret_object = objects[i];
		found = true;
		if (permitted)
			return CKR_OK;
	}
	return found ? CKR_OK : worst;
}

/* Neither the size of an AES key nor the usage flags, as far as the token tells them, contradict alg. */
static CK_RV fits(struct session *session, CK_OBJECT_HANDLE object, const struct alg *alg, bool *ret_fits)
{
	CK_ULONG value_len = 0;
	enum told told = TOLD_NOTHING;
	size_t len;
	CK_RV rv = CKR_OK;

	*ret_fits = false;
	if (named_class(alg) == CKO_SECRET_KEY)
		rv = object_tells(session, object, CKA_VALUE_LEN, &value_len, sizeof(value_len), &len, &told);
	if (rv == CKR_OK && (told != TOLD || value_len == 0 || value_len * 8 == alg->key_bits))
		rv = named_permitted(session, object, alg, ret_fits);
	if (rv != CKR_OBJECT_HANDLE_INVALID)
		return rv;
	*ret_fits = false; /* it went just now, perhaps between two flags */
	return CKR_OK;
}

/* An object of which the token does not say what it is may be the one as well: then it is not known which. */
static CK_RV find_by_use(struct session *session, const struct name *name, const CK_OBJECT_HANDLE *objects, CK_ULONG n,
	CK_OBJECT_HANDLE *ret_object)
{
	CK_ULONG fitting = 0;

	for (CK_ULONG i = 0; i < n; i++) {
		bool this_one = name->object != 0;
		CK_RV rv = this_one ? CKR_OK : fits(session, objects[i], name->alg, &this_one);

		if (rv != CKR_OK)
			return rv;
		if (!this_one)
			continue;
		*ret_object = objects[i];
		fitting++;
	}
	return fitting == 0 ? CKR_CEKD_MISSING : fitting == 1 ? CKR_OK : CKR_CEKD_AMBIGUOUS;
}

CK_RV named_find(const struct finder *finder, const struct name *name, CK_OBJECT_HANDLE *ret_object)
{
	struct public_half half;
	CK_OBJECT_HANDLE *objects;
	CK_ULONG n = 0;
	CK_RV rv;

	if (!name->alg)
		return CKR_MECHANISM_INVALID;
	if (name->public_key && !public_from_jose(name->public_key, &half))
		return CKR_PUBLIC_KEY_INVALID;
	rv = named_candidates(finder->session, name, &objects, &n);
	if (rv != CKR_OK)
		return rv;
	rv = name->public_key ? find_by_public(finder, name, &half, objects, n, ret_object)
			      : find_by_use(finder->session, name, objects, n, ret_object);
	free(objects);
	return rv;
}
