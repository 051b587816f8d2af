/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES key wrap (RFC 3394, RFC 7518 section 4.4) in the token.
 */
#include "daemon/token/algs/aeskw.h"

#include <string.h>

#include "daemon/token/p11/carrier.h"
#include "daemon/token/p11/cipher.h"
#include "daemon/token/p11/objects.h"

enum { KW_OVERHEAD = 8 };

/* A way of the token to wrap or to unwrap. */
typedef CK_RV way_fn(struct session *session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, const uint8_t *in,
	size_t in_len, uint8_t *ret_out, CK_ULONG *len);

static CK_RV unwrap_object(struct session *session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, const uint8_t *in,
	size_t in_len, uint8_t *ret_out, CK_ULONG *len)
{
	CK_ATTRIBUTE template[CARRIER_ATTRIBUTES];
	CK_ULONG n = carrier_template(template, NULL);
	CK_OBJECT_HANDLE object;
	size_t value_len = 0;
	CK_RV rv;

	session->touched = true;
	rv = session->f->C_UnwrapKey(session->handle, mechanism, key, (CK_BYTE *)(uintptr_t)in, in_len, template, n,
		&object);
	if (rv != CKR_OK)
		return rv;
	rv = carrier_take(session, object, ret_out, *len, &value_len);
	*len = value_len;
	return rv;
}

static CK_RV wrap_object(struct session *session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, const uint8_t *in,
	size_t in_len, uint8_t *ret_out, CK_ULONG *len)
{
	CK_ATTRIBUTE template[CARRIER_ATTRIBUTES];
	CK_ULONG n = carrier_template(template, &(CK_ATTRIBUTE){CKA_VALUE, (void *)(uintptr_t)in, in_len});
	CK_OBJECT_HANDLE object;
	CK_RV rv = session->f->C_CreateObject(session->handle, template, n, &object), destroyed;

	if (rv != CKR_OK)
		return rv;
	rv = session->f->C_WrapKey(session->handle, mechanism, key, object, ret_out, len);
	destroyed = object_destroy(session, object);
	return rv != CKR_OK ? rv : destroyed;
}

/* As the token does it, if the KEK's usage flags allow that; a KEK from a ceremony may only have the others. */
static CK_RV run(struct token *token, const struct key *key, way_fn *cipher, way_fn *object, const uint8_t *in,
	size_t in_len, uint8_t *ret_out, CK_ULONG *len)
{
	CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP, NULL, 0};
	const bool by_object = token->facts.kw == KW_OBJECT || (!key->can_decrypt && key->can_unwrap);

	if (token->facts.kw == KW_NONE)
		return CKR_MECHANISM_INVALID;
	return (by_object ? object : cipher)(&token->session, &mechanism, key->handle, in, in_len, ret_out, len);
}

CK_RV aeskw_unwrap(struct token *token, struct key *key, const struct unwrap *unwrap, uint8_t *ret_cek)
{
	CK_ULONG len = CEK_LEN_MAX + 2 * KW_OVERHEAD;
	uint8_t *value;
	CK_RV rv;

	if (unwrap->encrypted_key_len != unwrap->cek_len + KW_OVERHEAD)
		return CKR_ENCRYPTED_DATA_INVALID;
	value = arena_alloc(&token->arena, len);
	if (!value)
		return CKR_HOST_MEMORY;
	rv = run(token, key, cipher_decrypt, unwrap_object, unwrap->encrypted_key, unwrap->encrypted_key_len, value,
		&len);
	if (rv != CKR_OK)
		return rv;
	if (len != unwrap->cek_len)
		return CKR_ENCRYPTED_DATA_INVALID;
	memcpy(ret_cek, value, len);
	return CKR_OK;
}

CK_RV aeskw_wrap(struct token *token, struct key *key, const struct wrap *wrap, struct wrapped *ret_wrapped)
{
	CK_ULONG len = sizeof(ret_wrapped->encrypted_key);
	CK_RV rv = run(token, key, cipher_encrypt, wrap_object, ret_wrapped->cek, wrap->cek_len,
		ret_wrapped->encrypted_key, &len);

	if (rv != CKR_OK)
		return rv;
	if (len != wrap->cek_len + KW_OVERHEAD)
		return CKR_GENERAL_ERROR;
	ret_wrapped->encrypted_key_len = len;
	return CKR_OK;
}
