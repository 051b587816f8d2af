/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/p11/public.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>

#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/objects.h"
#include "proto/base64url.h"

static void strip_zeros(uint8_t *number, size_t *len)
{
	size_t zeros = 0;

	while (zeros < *len && number[zeros] == 0)
		zeros++;
	if (zeros == 0)
		return;
	*len -= zeros;
	memmove(number, number + zeros, *len);
}

static CK_RV read_rsa(struct session *session, CK_OBJECT_HANDLE object, struct public_half *half)
{
	uint8_t n[sizeof(half->n) + 1];
	size_t n_len = 0, e_len = 0;
	CK_RV rv = object_read(session, object, CKA_MODULUS, n, sizeof(n), &n_len);

	if (rv == CKR_OK)
		rv = object_read(session, object, CKA_PUBLIC_EXPONENT, half->e, sizeof(half->e), &e_len);
	if (rv != CKR_OK)
		return rv;
	strip_zeros(n, &n_len);
	strip_zeros(half->e, &e_len);
	if (n_len == 0 || n_len > sizeof(half->n) || e_len == 0)
		return CKR_PUBLIC_KEY_INVALID;
	memcpy(half->n, n, n_len);
	half->n_len = n_len;
	half->e_len = e_len;
	return CKR_OK;
}

static CK_RV read_ec(struct session *session, CK_OBJECT_HANDLE object, const struct curve *curve,
	struct public_half *half)
{
	uint8_t value[POINT_MAX + 3];
	const uint8_t *point;
	size_t len = 0;
	CK_RV rv = object_read(session, object, CKA_EC_POINT, value, sizeof(value), &len);

	if (rv != CKR_OK)
		return rv;
	if (!curves_point(curve, value, len, &point, &half->point_len) ||
		!curves_point_valid(curve, point, half->point_len))
		return CKR_PUBLIC_KEY_INVALID;
	memcpy(half->point, point, half->point_len);
	half->curve = curve;
	return CKR_OK;
}

CK_RV public_of_object(struct session *session, CK_OBJECT_HANDLE object, CK_KEY_TYPE type, const struct curve *curve,
	struct public_half *ret_half)
{
	struct public_half half = {0};
	CK_RV rv = type == CKK_RSA ? read_rsa(session, object, &half)
		: curve            ? read_ec(session, object, curve, &half)
				   : CKR_CURVE_NOT_SUPPORTED;

	if (rv == CKR_OK)
		*ret_half = half;
	return rv;
}

bool public_equal(const struct public_half *one, const struct public_half *other)
{
	if (one->curve != other->curve)
		return false;
	if (one->curve)
		return one->point_len == other->point_len && memcmp(one->point, other->point, one->point_len) == 0;
	return one->n_len == other->n_len && memcmp(one->n, other->n, one->n_len) == 0;
}

CK_RV public_objects(struct session *session, const uint8_t *id, size_t id_len, CK_OBJECT_HANDLE **ret_objects,
	CK_ULONG *ret_n)
{
	CK_BBOOL yes = CK_TRUE;
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_ATTRIBUTE template[] = {
		{CKA_TOKEN, &yes, sizeof(yes)},
		{CKA_CLASS, &class, sizeof(class)},
		{CKA_ID, (void *)(uintptr_t)id, id_len},
	};

	return objects_find_all(session, template, 3, ret_objects, ret_n);
}

/* Could this public half be key's? An RSA private key without public exponent still tells its modulus. */
static CK_RV belongs(struct session *session, const struct key *key, const struct public_half *half, bool *ret_belongs)
{
	struct public_half own = {0};
	enum told told;
	CK_RV rv;

	*ret_belongs = true;
	if (half->curve)
		return CKR_OK;
	rv = object_tells(session, key->object, CKA_MODULUS, own.n, sizeof(own.n), &own.n_len, &told);
	if (rv != CKR_OK || told == TOLD_NOTHING)
		return rv;
	strip_zeros(own.n, &own.n_len);
	*ret_belongs = public_equal(&own, half);
	return CKR_OK;
}

/* Does it say something of the object, and not of the token? */
static bool objects_fault(CK_RV rv)
{
	const enum ckr_class class = ckr_class(rv);

	return class == CKR_CLASS_DATA || class == CKR_CLASS_UNSUPPORTED || class == CKR_CLASS_HANDLE;
}

/* Of the public objects with the CKA_ID of key, which others may use as well. */
static CK_RV read_from_public(struct session *session, const struct key *key, struct public_half *ret_half)
{
	struct public_half half;
	CK_OBJECT_HANDLE *objects;
	CK_ULONG n = 0;
	CK_RV rv = public_objects(session, key->id, key->id_len, &objects, &n), result = CKR_CEKD_MISSING;
	bool found = false, fits = false;

	if (rv != CKR_OK)
		return rv;
	for (CK_ULONG i = 0; result != CKR_CEKD_AMBIGUOUS && i < n; i++) {
		rv = public_of_object(session, objects[i], key->type, key->curve, &half);
		if (rv == CKR_PUBLIC_KEY_INVALID && !found)
			result = rv;
		if (rv == CKR_OK)
			rv = belongs(session, key, &half, &fits);
		if (rv != CKR_OK && !objects_fault(rv)) {
			result = rv;
			break;
		}
		if (rv != CKR_OK || !fits)
			continue;
		result = found && !public_equal(&half, ret_half) ? CKR_CEKD_AMBIGUOUS : CKR_OK;
		*ret_half = half;
		found = true;
	}
	free(objects);
	return result;
}

CK_RV public_read(struct session *session, const struct key *key, struct public_half *ret_half)
{
	struct public_half half;
	CK_RV rv;

	if (key->class != CKO_PRIVATE_KEY || (key->type != CKK_RSA && !key->curve))
		return CKR_KEY_TYPE_INCONSISTENT;
	rv = public_of_object(session, key->object, key->type, key->curve, &half);
	if (rv != CKR_OK && objects_fault(rv))
		rv = read_from_public(session, key, &half);
	if (rv == CKR_OK)
		*ret_half = half;
	return rv;
}

bool public_from_jose(const Cek__V1__PublicKey *jose, struct public_half *ret_half)
{
	struct public_half half = {0};

	if (strcmp(jose->kty, "RSA") == 0) {
		if (jose->n.len == 0 || jose->n.len > sizeof(half.n) || jose->n.data[0] == 0 || jose->e.len == 0 ||
			jose->e.len > sizeof(half.e))
			return false;
		memcpy(half.n, jose->n.data, half.n_len = jose->n.len);
		memcpy(half.e, jose->e.data, half.e_len = jose->e.len);
		strip_zeros(half.e, &half.e_len);
		*ret_half = half;
		return half.e_len > 0;
	}
	half.curve = curve_find(jose->crv);
	if (!half.curve || strcmp(half.curve->kty, jose->kty) != 0 || jose->x.len != half.curve->field_len)
		return false;
	if (strcmp(jose->kty, "OKP") == 0) {
		memcpy(half.point, jose->x.data, half.point_len = jose->x.len);
	} else {
		if (jose->y.len != half.curve->field_len)
			return false;
		half.point[0] = 0x04;
		memcpy(half.point + 1, jose->x.data, jose->x.len);
		memcpy(half.point + 1 + jose->x.len, jose->y.data, jose->y.len);
		half.point_len = 1 + 2 * jose->x.len;
	}
	if (!curves_point_valid(half.curve, half.point, half.point_len))
		return false;
	*ret_half = half;
	return true;
}

void public_to_jose(const struct public_half *half, Cek__V1__PublicKey *ret_jose)
{
	const size_t field = half->curve ? half->curve->field_len : 0;
	uint8_t *point = (uint8_t *)(uintptr_t)half->point;

	cek__v1__public_key__init(ret_jose);
	if (!half->curve) {
		ret_jose->kty = (char *)(uintptr_t) "RSA";
		ret_jose->n = (ProtobufCBinaryData){half->n_len, (uint8_t *)(uintptr_t)half->n};
		ret_jose->e = (ProtobufCBinaryData){half->e_len, (uint8_t *)(uintptr_t)half->e};
		return;
	}
	ret_jose->kty = (char *)(uintptr_t)half->curve->kty;
	ret_jose->crv = (char *)(uintptr_t)half->curve->name;
	if (half->point_len == field) {
		ret_jose->x = (ProtobufCBinaryData){field, point};
	} else {
		ret_jose->x = (ProtobufCBinaryData){field, point + 1};
		ret_jose->y = (ProtobufCBinaryData){field, point + 1 + field};
	}
}

static EVP_PKEY *rsa_for_openssl(const struct public_half *half)
{
	BIGNUM *n = BN_bin2bn(half->n, (int)half->n_len, NULL), *e = BN_bin2bn(half->e, (int)half->e_len, NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (n && e && builder && ctx && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
		OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		params = OSSL_PARAM_BLD_to_param(builder);
	if (params && EVP_PKEY_fromdata_init(ctx) == 1 &&
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	BN_free(e);
	return key;
}

EVP_PKEY *public_for_openssl(const struct public_half *half)
{
	return half->curve ? curves_public(half->curve, half->point, half->point_len) : rsa_for_openssl(half);
}

/* With a NUL. ret_text holds b64u_encoded_len(len) + 1 bytes. */
static void encode(const uint8_t *data, size_t len, char *ret_text)
{
	ret_text[b64u_encode(data, len, ret_text)] = '\0';
}

/* RFC 7638 section 3.2: the required members in lexicographic order, nothing else. */
void public_thumbprint(const struct public_half *half, char ret_kid[KID_LEN])
{
	char json[1024], a[(RSA_BITS_MAX / 8 + 2) / 3 * 4 + 1], b[128];
	uint8_t hash[SHA256_DIGEST_LENGTH];
	const size_t field = half->curve ? half->curve->field_len : 0;
	int len;

	if (!half->curve) {
		encode(half->n, half->n_len, a);
		encode(half->e, half->e_len, b);
		len = snprintf(json, sizeof(json), "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", b, a);
	} else if (half->point_len == field) {
		encode(half->point, field, a);
		len = snprintf(json, sizeof(json), "{\"crv\":\"%s\",\"kty\":\"OKP\",\"x\":\"%s\"}", half->curve->name,
			a);
	} else {
		encode(half->point + 1, field, a);
		encode(half->point + 1 + field, field, b);
		len = snprintf(json, sizeof(json), "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
			half->curve->name, a, b);
	}
	SHA256((const unsigned char *)json, (size_t)len, hash);
	encode(hash, sizeof(hash), ret_kid);
}

CK_RV public_of_key(struct session *session, struct key *key, EVP_PKEY **ret_public)
{
	struct public_half half;
	CK_RV rv;

	if (!key->public_key) {
		rv = public_read(session, key, &half);
		if (rv != CKR_OK)
			return rv;
		key->public_key = public_for_openssl(&half);
		if (!key->public_key)
			return CKR_PUBLIC_KEY_INVALID;
	}
	*ret_public = key->public_key;
	return CKR_OK;
}

CK_RV public_as_published(const Cek__V1__PublicKey *jose, struct key *key, EVP_PKEY **ret_public)
{
	struct public_half half;

	if (!key->public_key) {
		if (!public_from_jose(jose, &half) || half.curve != key->curve)
			return CKR_PUBLIC_KEY_INVALID;
		key->public_key = public_for_openssl(&half);
		if (!key->public_key)
			return CKR_PUBLIC_KEY_INVALID;
	}
	*ret_public = key->public_key;
	return CKR_OK;
}
