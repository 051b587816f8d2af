/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/p11/curves.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>

struct name {
	const char *curve;
	const char *group;
	int nid; /* 0: not a short Weierstrass curve */
	struct {
		uint8_t der[16];
		uint8_t len;
	} params[3];
};

static const struct name names[] = {
	{"P-256", "P-256", NID_X9_62_prime256v1, {{{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, 10}}},
	{"P-384", "P-384", NID_secp384r1, {{{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22}, 7}}},
	{"P-521", "P-521", NID_secp521r1, {{{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23}, 7}}},
	/* RFC 8410; PKCS#11 3.0 also has the name; NSS has an identifier of its own. */
	{"X25519", "X25519", 0,
		{{{0x06, 0x03, 0x2b, 0x65, 0x6e}, 5},
			{{0x13, 0x0a, 'c', 'u', 'r', 'v', 'e', '2', '5', '5', '1', '9'}, 12},
			{{0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01}, 11}}},
};

enum { NAMES = sizeof(names) / sizeof(names[0]), WAYS = 3 };

static const struct name *find(const struct curve *curve)
{
	for (size_t i = 0; i < NAMES; i++)
		if (strcmp(names[i].curve, curve->name) == 0)
			return &names[i];
	return NULL;
}

const struct curve *curves_from_params(const uint8_t *der, size_t len)
{
	for (size_t i = 0; i < NAMES; i++)
		for (size_t way = 0; way < WAYS; way++)
			if (names[i].params[way].len > 0 && names[i].params[way].len == len &&
				memcmp(names[i].params[way].der, der, len) == 0)
				return curve_find(names[i].curve);
	return NULL;
}

const uint8_t *curves_params(const struct curve *curve, unsigned way, size_t *ret_len)
{
	const struct name *name = find(curve);

	if (!name || way >= WAYS || name->params[way].len == 0)
		return NULL;
	*ret_len = name->params[way].len;
	return name->params[way].der;
}

const char *curves_group(const struct curve *curve)
{
	const struct name *name = find(curve);

	return name ? name->group : NULL;
}

static size_t point_len(const struct curve *curve)
{
	return strcmp(curve->kty, "OKP") == 0 ? curve->field_len : 1 + 2 * (size_t)curve->field_len;
}

bool curves_point(const struct curve *curve, const uint8_t *value, size_t len, const uint8_t **ret_point,
	size_t *ret_len)
{
	const size_t want = point_len(curve);
	size_t header = want < 128 ? 2 : 3;

	if (len == want) {
		*ret_point = value;
	} else if (len == want + header && value[0] == 0x04 && (header == 2 || value[1] == 0x81) &&
		value[header - 1] == want) {
		*ret_point = value + header;
	} else {
		return false;
	}
	*ret_len = want;
	return true;
}

/* Groups and a scratch point of each curve, made when first needed. */
static EC_POINT *scratch(const struct name *name, const EC_GROUP **ret_group)
{
	static EC_GROUP *group[NAMES];
	static EC_POINT *point[NAMES];
	const size_t i = (size_t)(name - names);

	if (!group[i])
		group[i] = EC_GROUP_new_by_curve_name(name->nid);
	if (group[i] && !point[i])
		point[i] = EC_POINT_new(group[i]);
	*ret_group = group[i];
	return point[i];
}

bool curves_point_valid(const struct curve *curve, const uint8_t *point, size_t len)
{
	const struct name *name = find(curve);
	const EC_GROUP *group;
	EC_POINT *at;

	if (!name || len != point_len(curve))
		return false;
	if (name->nid == 0)
		return true;
	at = scratch(name, &group);
	if (!at || point[0] != POINT_CONVERSION_UNCOMPRESSED || EC_POINT_oct2point(group, at, point, len, NULL) != 1) {
		ERR_clear_error();
		return false;
	}
	return true;
}

static EVP_PKEY *public_ec(const struct name *name, const uint8_t *point, size_t len)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)name->group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point, len),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	if (ctx && EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

EVP_PKEY *curves_public(const struct curve *curve, const uint8_t *point, size_t len)
{
	const struct name *name = find(curve);
	EVP_PKEY *key;

	if (!curves_point_valid(curve, point, len))
		return NULL;
	key = name->nid == 0 ? EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, point, len)
			     : public_ec(name, point, len);
	if (!key)
		ERR_clear_error();
	return key;
}
