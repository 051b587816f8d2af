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

bool named_permitted(struct session *session, CK_OBJECT_HANDLE object, const struct alg *alg)
{
	switch (alg->family) {
	case ALG_ECDH:
		return object_flag(session, object, CKA_DERIVE);
	case ALG_AES_KW:
		return object_flag(session, object, CKA_UNWRAP) || object_flag(session, object, CKA_DECRYPT);
	default:
		return object_flag(session, object, CKA_DECRYPT);
	}
}

CK_RV named_candidates(struct session *session, const struct name *name, CK_OBJECT_HANDLE **ret_objects,
		       CK_ULONG *ret_n)
{
	CK_BBOOL yes = CK_TRUE;
	CK_OBJECT_CLASS class = named_class(name->alg);
	CK_ATTRIBUTE template[] = {
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_ID, (void *)(uintptr_t)name->id, name->id_len },
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

static enum named_same compare_rsa(struct session *session, CK_OBJECT_HANDLE object, const struct public_half *half)
{
	uint8_t n[RSA_BITS_MAX / 8 + 1];
	size_t len = 0, zeros = 0;

	if (object_read(session, object, CKA_MODULUS, n, sizeof(n), &len) != CKR_OK || len == 0)
		return NAMED_UNKNOWN;
	while (zeros < len && n[zeros] == 0)
		zeros++;
	return len - zeros == half->n_len && memcmp(n + zeros, half->n, half->n_len) == 0 ? NAMED_SAME : NAMED_OTHER;
}

CK_RV named_compare(const struct finder *finder, CK_OBJECT_HANDLE object, const struct public_half *half,
		    enum named_same *ret_same)
{
	uint8_t params[64];
	size_t len = 0;

	if (!half->curve) {
		*ret_same = compare_rsa(finder->session, object, half);
		return CKR_OK;
	}
	*ret_same = NAMED_UNKNOWN;
	if (object_read(finder->session, object, CKA_EC_PARAMS, params, sizeof(params), &len) != CKR_OK)
		return CKR_OK;
	if (curves_from_params(params, len) != half->curve) {
		*ret_same = NAMED_OTHER;
		return CKR_OK;
	}
	return finder->compare ? finder->compare(finder->context, object, half, ret_same) : CKR_OK;
}

/* Several objects with one public half are one key. A token that does not answer for one of them may answer for the
 * right one. */
static CK_RV find_by_public(const struct finder *finder, const struct name *name, const struct public_half *half,
			    const CK_OBJECT_HANDLE *objects, CK_ULONG n, CK_OBJECT_HANDLE *ret_object)
{
	CK_RV worst = CKR_CEKD_MISSING;

	for (CK_ULONG i = 0; i < n; i++) {
		enum named_same same = NAMED_UNKNOWN;
		CK_RV rv = named_compare(finder, objects[i], half, &same);

		if (rv != CKR_OK)
			worst = rv;
		if (rv != CKR_OK || same != NAMED_SAME)
			continue;
		*ret_object = objects[i];
		worst = CKR_OK;
		if (named_permitted(finder->session, objects[i], name->alg))
			return CKR_OK;
	}
	return worst;
}

/* Does the size of an AES key, where the token tells it, contradict alg? */
static bool wrong_size(struct session *session, CK_OBJECT_HANDLE object, const struct alg *alg)
{
	CK_ULONG value_len = 0;
	size_t len;

	return named_class(alg) == CKO_SECRET_KEY &&
	       object_read(session, object, CKA_VALUE_LEN, &value_len, sizeof(value_len), &len) == CKR_OK &&
	       value_len > 0 && value_len * 8 != alg->key_bits;
}

static CK_RV find_by_use(struct session *session, const struct name *name, const CK_OBJECT_HANDLE *objects, CK_ULONG n,
			 CK_OBJECT_HANDLE *ret_object)
{
	CK_ULONG fit = 0;

	if (n <= 1) {
		if (n == 1)
			*ret_object = objects[0];
		return n == 1 ? CKR_OK : CKR_CEKD_MISSING;
	}
	for (CK_ULONG i = 0; i < n; i++) {
		if (wrong_size(session, objects[i], name->alg) || !named_permitted(session, objects[i], name->alg))
			continue;
		*ret_object = objects[i];
		fit++;
	}
	return fit == 1 ? CKR_OK : CKR_CEKD_AMBIGUOUS;
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
