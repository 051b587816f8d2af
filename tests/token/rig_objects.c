/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/token/p11/curves.h"
#include "rig.h"

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

#define VALUE(type, variable)                                        \
	{                                                            \
		type, (void *)(uintptr_t)&variable, sizeof(variable) \
	}

CK_OBJECT_HANDLE rig_create(struct rig *rig, CK_ATTRIBUTE *attributes, CK_ULONG n)
{
	CK_OBJECT_HANDLE object = 0;
	CK_RV rv = rig->f->C_CreateObject(rig->session, attributes, n, &object);

	if (rv != CKR_OK)
		fail_msg("C_CreateObject: 0x%lx", rv);
	return object;
}

CK_OBJECT_HANDLE rig_create_aes(struct rig *rig, const uint8_t *id, const uint8_t *key, size_t len)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_ATTRIBUTE template[] = {
		VALUE(CKA_CLASS, class),
		VALUE(CKA_KEY_TYPE, type),
		VALUE(CKA_TOKEN, yes),
		VALUE(CKA_PRIVATE, yes),
		VALUE(CKA_SENSITIVE, yes),
		VALUE(CKA_EXTRACTABLE, no),
		VALUE(CKA_ENCRYPT, yes),
		VALUE(CKA_DECRYPT, yes),
		VALUE(CKA_WRAP, yes),
		VALUE(CKA_UNWRAP, yes),
		{CKA_ID, (void *)(uintptr_t)id, 16},
		{CKA_VALUE, (void *)(uintptr_t)key, len},
	};

	return rig_create(rig, template, sizeof(template) / sizeof(template[0]));
}

CK_OBJECT_HANDLE rig_create_rsa(struct rig *rig, const uint8_t *id, const ProtobufCBinaryData part[8])
{
	static const CK_ATTRIBUTE_TYPE types[8] = {CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT, CKA_PRIME_1,
		CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT};
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = CKK_RSA;
	CK_ATTRIBUTE template[16] = {
		VALUE(CKA_CLASS, class),
		VALUE(CKA_KEY_TYPE, type),
		VALUE(CKA_TOKEN, yes),
		VALUE(CKA_PRIVATE, yes),
		VALUE(CKA_SENSITIVE, yes),
		VALUE(CKA_EXTRACTABLE, no),
		VALUE(CKA_DECRYPT, yes),
		{CKA_ID, (void *)(uintptr_t)id, 16},
	};

	for (size_t i = 0; i < 8; i++)
		template[8 + i] = (CK_ATTRIBUTE){types[i], part[i].data, part[i].len};
	return rig_create(rig, template, 16);
}

static CK_OBJECT_HANDLE last_public;

CK_OBJECT_HANDLE rig_last_public(void)
{
	return last_public;
}

static void create_ec_public(struct rig *rig, const uint8_t *id, CK_KEY_TYPE type, const uint8_t *params,
	size_t params_len, uint8_t *point, size_t point_len)
{
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_ATTRIBUTE template[] = {
		VALUE(CKA_CLASS, class),
		VALUE(CKA_KEY_TYPE, type),
		VALUE(CKA_TOKEN, yes),
		VALUE(CKA_PRIVATE, no),
		{CKA_ID, (void *)(uintptr_t)id, 16},
		{CKA_EC_PARAMS, (void *)(uintptr_t)params, params_len},
		{CKA_EC_POINT, point, point_len},
	};

	last_public = rig_create(rig, template, sizeof(template) / sizeof(template[0]));
}

CK_OBJECT_HANDLE rig_create_ec(struct rig *rig, const uint8_t *id, const char *crv, const uint8_t *d, size_t d_len,
	const uint8_t *x, const uint8_t *y, size_t len)
{
	const struct curve *curve = curve_find(crv);
	const bool okp = strcmp(curve->kty, "OKP") == 0;
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = okp && !rig->nss ? CKK_EC_EDWARDS : CKK_EC;
	size_t params_len = 0, point_len = okp ? len : 1 + 2 * len, header = point_len < 128 ? 2 : 3;
	const uint8_t *params = curves_params(curve, okp && rig->nss ? 2 : 0, &params_len);
	uint8_t point[160] = {0x04, 0x81};
	CK_ATTRIBUTE template[] = {
		VALUE(CKA_CLASS, class), VALUE(CKA_KEY_TYPE, type), VALUE(CKA_TOKEN, yes), VALUE(CKA_PRIVATE, yes),
		VALUE(CKA_SENSITIVE, yes), VALUE(CKA_EXTRACTABLE, no), VALUE(CKA_DERIVE, yes),
		{CKA_ID, (void *)(uintptr_t)id, 16}, {CKA_EC_PARAMS, (void *)(uintptr_t)params, params_len},
		{CKA_VALUE, (void *)(uintptr_t)d, d_len},
		{CKA_EC_POINT, point, header + point_len}, /* NSS wants it here, SoftHSM does not know it */
	};

	point[header - 1] = (uint8_t)point_len;
	if (okp) {
		memcpy(point + header, x, len);
	} else {
		point[header] = 0x04;
		memcpy(point + header + 1, x, len);
		memcpy(point + header + 1 + len, y, len);
	}
	/* NSS of Debian 13 wants the point of X25519 bare, that of Debian 12 takes it so. */
	if (okp && rig->nss) {
		memmove(point, point + header, point_len);
		header = 0;
	}
	template[10].ulValueLen = header + point_len;
	create_ec_public(rig, id, type, params, params_len, point, header + point_len);
	return rig_create(rig, template, rig->nss ? 11 : 10);
}
