/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/p11/key.h"

#include <stdlib.h>

#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/curves.h"
#include "daemon/token/p11/objects.h"

static void set_modulus(struct key *key, const uint8_t *modulus, size_t len)
{
	size_t at = 0;

	while (at < len && modulus[at] == 0)
		at++;
	key->modulus_len = len - at;
	key->modulus_bits = (unsigned)key->modulus_len * 8;
	for (uint8_t top = 0x80; at < len && top && !(modulus[at] & top); top >>= 1)
		key->modulus_bits--;
}

/* What is kept must be what the object says: one call that fails is no answer. */
static CK_RV read_flag(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool *ret_flag)
{
	CK_BBOOL value = CK_FALSE;
	size_t len = 0;
	CK_RV rv = object_read(session, object, type, &value, sizeof(value), &len);

	*ret_flag = rv == CKR_OK && len == sizeof(value) && value;
	return ckr_class(rv) == CKR_CLASS_UNSUPPORTED ? CKR_OK : rv;
}

static CK_RV describe_secret(struct session *session, struct key *key)
{
	CK_ULONG value_len = 0;
	enum told told;
	size_t len;
	CK_RV rv = object_tells(session, key->object, CKA_VALUE_LEN, &value_len, sizeof(value_len), &len, &told);

	if (rv == CKR_OK && told == TOLD)
		key->value_len = value_len;
	return rv;
}

static CK_RV describe_private(struct session *session, struct key *key)
{
	const bool rsa = key->type == CKK_RSA;
	uint8_t buffer[RSA_BITS_MAX / 8 + 1];
	enum told told;
	size_t len;
	CK_RV rv = object_tells(session, key->object, rsa ? CKA_MODULUS : CKA_EC_PARAMS, buffer, sizeof(buffer), &len,
		&told);

	if (rv != CKR_OK || told != TOLD)
		return rv;
	if (rsa)
		set_modulus(key, buffer, len);
	else
		key->curve = curves_from_params(buffer, len);
	return CKR_OK;
}

CK_RV key_describe(struct session *session, struct key *key)
{
	size_t len;
	CK_RV rv = object_read(session, key->object, CKA_KEY_TYPE, &key->type, sizeof(key->type), &len);

	if (rv == CKR_OK)
		rv = read_flag(session, key->object, CKA_DECRYPT, &key->can_decrypt);
	if (rv == CKR_OK)
		rv = read_flag(session, key->object, CKA_UNWRAP, &key->can_unwrap);
	if (rv != CKR_OK)
		return rv;
	return key->class == CKO_SECRET_KEY ? describe_secret(session, key) : describe_private(session, key);
}

void key_free(struct key *key)
{
	if (!key)
		return;
	EVP_PKEY_CTX_free(key->encrypt);
	EVP_PKEY_free(key->public_key);
	free(key);
}
