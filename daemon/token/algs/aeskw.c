/*
 * AES key wrap (RFC 3394, RFC 7518 section 4.4) in the token.
 */
#include <string.h>

#include "daemon/token/algs/mech.h"

enum { KW_OVERHEAD = 8 };

/* As the token does it, if the KEK's usage flags allow that; a KEK from a ceremony may only have the others. */
static enum kw_way way(const struct worker *worker, const struct key *key)
{
	if (worker->probe.kw == KW_CIPHER && !key->can_decrypt && key->can_unwrap)
		return KW_OBJECT;
	return worker->probe.kw;
}

static CK_RV unwrap_object(struct worker *worker, struct key *key, const struct unwrap *unwrap, uint8_t *ret_value,
			   size_t size, size_t *ret_len)
{
	CK_FUNCTION_LIST *f = worker->session.f;
	CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP, NULL, 0 };
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE template[] = {
		{ CKA_CLASS, &class, sizeof(class) }, { CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_TOKEN, &no, sizeof(no) },	      { CKA_PRIVATE, &no, sizeof(no) },
		{ CKA_SENSITIVE, &no, sizeof(no) },   { CKA_EXTRACTABLE, &yes, sizeof(yes) },
	};
	CK_OBJECT_HANDLE object;
	CK_RV rv, destroyed;

	rv = f->C_UnwrapKey(worker->session.handle, &mechanism, key->handle,
			    (CK_BYTE *)(uintptr_t)unwrap->encrypted_key, unwrap->encrypted_key_len, template,
			    sizeof(template) / sizeof(template[0]), &object);
	if (rv != CKR_OK)
		return rv;
	rv = object_read(&worker->session, object, CKA_VALUE, ret_value, size, ret_len);
	destroyed = f->C_DestroyObject(worker->session.handle, object);
	return rv != CKR_OK ? rv : destroyed;
}

static CK_RV unwrap_cipher(struct worker *worker, struct key *key, const struct unwrap *unwrap, uint8_t *ret_value,
			   size_t size, size_t *ret_len)
{
	CK_FUNCTION_LIST *f = worker->session.f;
	CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP, NULL, 0 };
	CK_ULONG len = size;
	CK_RV rv = f->C_DecryptInit(worker->session.handle, &mechanism, key->handle);

	if (rv == CKR_OK)
		rv = f->C_Decrypt(worker->session.handle, (CK_BYTE *)(uintptr_t)unwrap->encrypted_key,
				  unwrap->encrypted_key_len, ret_value, &len);
	if (rv == CKR_OK)
		*ret_len = len;
	return rv;
}

CK_RV aeskw_unwrap(struct worker *worker, struct key *key, const struct unwrap *unwrap, uint8_t *ret_cek)
{
	const size_t size = CEK_LEN_MAX + 2 * KW_OVERHEAD;
	size_t len = 0;
	uint8_t *value;
	CK_RV rv;

	if (unwrap->encrypted_key_len != unwrap->cek_len + KW_OVERHEAD)
		return CKR_ENCRYPTED_DATA_INVALID;
	value = arena_alloc(&worker->arena, size);
	if (!value)
		return CKR_HOST_MEMORY;
	switch (way(worker, key)) {
	case KW_CIPHER:
		rv = unwrap_cipher(worker, key, unwrap, value, size, &len);
		break;
	case KW_OBJECT:
		rv = unwrap_object(worker, key, unwrap, value, size, &len);
		break;
	default:
		return CKR_MECHANISM_INVALID;
	}
	if (rv != CKR_OK)
		return rv;
	if (len != unwrap->cek_len)
		return CKR_ENCRYPTED_DATA_INVALID;
	memcpy(ret_cek, value, len);
	return CKR_OK;
}

static CK_RV wrap_object(struct worker *worker, struct key *key, const struct wrap *wrap, struct wrapped *wrapped,
			 CK_ULONG *len)
{
	CK_FUNCTION_LIST *f = worker->session.f;
	CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP, NULL, 0 };
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE template[] = {
		{ CKA_CLASS, &class, sizeof(class) },   { CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_TOKEN, &no, sizeof(no) },         { CKA_PRIVATE, &no, sizeof(no) },
		{ CKA_SENSITIVE, &no, sizeof(no) },     { CKA_EXTRACTABLE, &yes, sizeof(yes) },
		{ CKA_VALUE, wrapped->cek, wrap->cek_len },
	};
	CK_OBJECT_HANDLE object;
	CK_RV rv, destroyed;

	rv = f->C_CreateObject(worker->session.handle, template, sizeof(template) / sizeof(template[0]), &object);
	if (rv != CKR_OK)
		return rv;
	rv = f->C_WrapKey(worker->session.handle, &mechanism, key->handle, object, wrapped->encrypted_key, len);
	destroyed = f->C_DestroyObject(worker->session.handle, object);
	return rv != CKR_OK ? rv : destroyed;
}

CK_RV aeskw_wrap(struct worker *worker, struct key *key, const struct wrap *wrap, struct wrapped *ret_wrapped)
{
	CK_FUNCTION_LIST *f = worker->session.f;
	CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP, NULL, 0 };
	CK_ULONG len = sizeof(ret_wrapped->encrypted_key);
	CK_RV rv;

	switch (way(worker, key)) {
	case KW_CIPHER:
		rv = f->C_EncryptInit(worker->session.handle, &mechanism, key->handle);
		if (rv == CKR_OK)
			rv = f->C_Encrypt(worker->session.handle, ret_wrapped->cek, wrap->cek_len,
					  ret_wrapped->encrypted_key, &len);
		break;
	case KW_OBJECT:
		rv = wrap_object(worker, key, wrap, ret_wrapped, &len);
		break;
	default:
		return CKR_MECHANISM_INVALID;
	}
	if (rv != CKR_OK)
		return rv;
	if (len != wrap->cek_len + KW_OVERHEAD)
		return CKR_GENERAL_ERROR;
	ret_wrapped->encrypted_key_len = len;
	return CKR_OK;
}
