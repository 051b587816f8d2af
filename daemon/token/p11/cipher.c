/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/p11/cipher.h"

CK_RV cipher_encrypt(struct session *session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, const uint8_t *in,
	size_t in_len, uint8_t *ret_out, CK_ULONG *len)
{
	CK_RV rv = session->f->C_EncryptInit(session->handle, mechanism, key);

	return rv == CKR_OK ? session->f->C_Encrypt(session->handle, (CK_BYTE *)(uintptr_t)in, in_len, ret_out, len)
			    : rv;
}

CK_RV cipher_decrypt(struct session *session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, const uint8_t *in,
	size_t in_len, uint8_t *ret_out, CK_ULONG *len)
{
	CK_RV rv = session->f->C_DecryptInit(session->handle, mechanism, key);

	if (rv != CKR_OK)
		return rv;
	session->touched = true;
	return session->f->C_Decrypt(session->handle, (CK_BYTE *)(uintptr_t)in, in_len, ret_out, len);
}
