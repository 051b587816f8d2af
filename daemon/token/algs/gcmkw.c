/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-GCM key wrap (RFC 7518 section 4.7) in the token: 96-bit random IV, 128-bit tag, no AAD.
 */
#include "daemon/token/algs/gcmkw.h"

#include <string.h>

#include <openssl/rand.h>

#include "daemon/token/p11/cipher.h"

/* Always 128 bits: SoftHSM accepts shorter tags if it is asked to. */
static CK_MECHANISM mechanism_of(CK_GCM_PARAMS *params, const uint8_t *iv)
{
	*params = (CK_GCM_PARAMS){
		.pIv = (CK_BYTE *)(uintptr_t)iv,
		.ulIvLen = GCM_IV_LEN,
		.ulIvBits = GCM_IV_LEN * 8,
		.ulTagBits = GCM_TAG_LEN * 8,
	};
	return (CK_MECHANISM){CKM_AES_GCM, params, sizeof(*params)};
}

CK_RV gcmkw_unwrap(struct token *token, struct key *key, const struct unwrap *unwrap, uint8_t *ret_cek)
{
	const Cek__V1__AlgParams *params = unwrap->params;
	CK_GCM_PARAMS gcm;
	CK_MECHANISM mechanism;
	uint8_t *in, *out;
	CK_ULONG len = CEK_LEN_MAX + 2 * GCM_TAG_LEN;
	CK_RV rv;

	if (unwrap->encrypted_key_len != unwrap->cek_len || !params || params->iv.len != GCM_IV_LEN ||
		params->tag.len != GCM_TAG_LEN)
		return CKR_ENCRYPTED_DATA_INVALID;
	if (!token->facts.gcm)
		return CKR_MECHANISM_INVALID;
	in = arena_alloc(&token->arena, CEK_LEN_MAX + GCM_TAG_LEN);
	out = arena_alloc(&token->arena, len);
	if (!in || !out)
		return CKR_HOST_MEMORY;
	memcpy(in, unwrap->encrypted_key, unwrap->cek_len);
	memcpy(in + unwrap->cek_len, params->tag.data, GCM_TAG_LEN);
	mechanism = mechanism_of(&gcm, params->iv.data);
	rv = cipher_decrypt(&token->session, &mechanism, key->handle, in, unwrap->cek_len + GCM_TAG_LEN, out, &len);
	if (rv != CKR_OK)
		return rv;
	if (len != unwrap->cek_len)
		return CKR_ENCRYPTED_DATA_INVALID;
	memcpy(ret_cek, out, len);
	return CKR_OK;
}

CK_RV gcmkw_wrap(struct token *token, struct key *key, const struct wrap *wrap, struct wrapped *ret_wrapped)
{
	CK_GCM_PARAMS gcm;
	CK_MECHANISM mechanism;
	CK_ULONG len = sizeof(ret_wrapped->encrypted_key);
	CK_RV rv;

	if (!token->facts.gcm)
		return CKR_MECHANISM_INVALID;
	if (RAND_bytes(ret_wrapped->iv, GCM_IV_LEN) != 1)
		return CKR_RANDOM_NO_RNG;
	mechanism = mechanism_of(&gcm, ret_wrapped->iv);
	rv = cipher_encrypt(&token->session, &mechanism, key->handle, ret_wrapped->cek, wrap->cek_len,
		ret_wrapped->encrypted_key, &len);
	if (rv != CKR_OK)
		return rv;
	if (len != wrap->cek_len + GCM_TAG_LEN)
		return CKR_GENERAL_ERROR;
	memcpy(ret_wrapped->tag, ret_wrapped->encrypted_key + wrap->cek_len, GCM_TAG_LEN);
	ret_wrapped->encrypted_key_len = wrap->cek_len;
	ret_wrapped->gcm = true;
	return CKR_OK;
}
