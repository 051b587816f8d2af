/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA-OAEP (RFC 7518 section 4.3, RFC 8017 section 7.1): in the token where it takes the hash, else decoded here after
 * the bare RSA operation. Wrapping needs the public half only and is done by OpenSSL.
 */
#include "daemon/token/algs/rsa.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "daemon/token/algs/oaep.h"
#include "daemon/token/p11/cipher.h"
#include "daemon/token/p11/public.h"

static CK_MECHANISM oaep_mechanism(unsigned hash_bits, CK_RSA_PKCS_OAEP_PARAMS *params)
{
	static const struct {
		unsigned hash_bits;
		CK_MECHANISM_TYPE hash;
		CK_RSA_PKCS_MGF_TYPE mgf;
	} rows[] = {
		{1, CKM_SHA_1, CKG_MGF1_SHA1},
		{256, CKM_SHA256, CKG_MGF1_SHA256},
		{384, CKM_SHA384, CKG_MGF1_SHA384},
		{512, CKM_SHA512, CKG_MGF1_SHA512},
	};
	size_t i = 0;

	while (i < 3 && rows[i].hash_bits != hash_bits)
		i++;
	*params = (CK_RSA_PKCS_OAEP_PARAMS){.hashAlg = rows[i].hash, .mgf = rows[i].mgf, .source = CKZ_DATA_SPECIFIED};
	return (CK_MECHANISM){CKM_RSA_PKCS_OAEP, params, sizeof(*params)};
}

static CK_RV decrypt(struct token *token, struct key *key, CK_MECHANISM *mechanism, const struct unwrap *unwrap,
	uint8_t *ret_out, size_t *ret_len)
{
	CK_ULONG len = key->modulus_len;
	CK_RV rv = cipher_decrypt(&token->session, mechanism, key->handle, unwrap->encrypted_key,
		unwrap->encrypted_key_len, ret_out, &len);

	if (rv == CKR_OK)
		*ret_len = len;
	return rv;
}

static CK_RV unwrap_raw(struct token *token, struct key *key, const struct unwrap *unwrap, uint8_t *ret_out,
	size_t *ret_len)
{
	CK_MECHANISM mechanism = {CKM_RSA_X_509, NULL, 0};
	uint8_t *em = arena_alloc(&token->arena, key->modulus_len);
	size_t len = 0;
	CK_RV rv;

	if (!em)
		return CKR_HOST_MEMORY;
	if (!token->facts.raw_rsa)
		return CKR_MECHANISM_INVALID;
	rv = decrypt(token, key, &mechanism, unwrap, em, &len);
	if (rv != CKR_OK)
		return rv;
	oaep_left_pad(em, key->modulus_len, len);
	if (oaep_decode(oaep_hash(unwrap->alg->hash_bits), em, key->modulus_len, ret_out, ret_len) < 0)
		return CKR_ENCRYPTED_DATA_INVALID;
	return CKR_OK;
}

/* A key may allow less than its token: CKA_ALLOWED_MECHANISMS without CKM_RSA_PKCS_OAEP. That shows at C_DecryptInit.
 */
static CK_RV unwrap_any(struct token *token, struct key *key, const struct unwrap *unwrap, uint8_t *ret_out,
	size_t *ret_len)
{
	CK_RSA_PKCS_OAEP_PARAMS params;
	CK_MECHANISM mechanism = oaep_mechanism(unwrap->alg->hash_bits, &params);
	CK_RV rv;

	if (!token->facts.oaep[facts_hash_index(unwrap->alg)] || key->rsa_way == RSA_RAW)
		return unwrap_raw(token, key, unwrap, ret_out, ret_len);
	rv = decrypt(token, key, &mechanism, unwrap, ret_out, ret_len);
	if (rv == CKR_MECHANISM_INVALID && key->rsa_way == RSA_UNDECIDED) {
		key->rsa_way = RSA_RAW;
		return unwrap_raw(token, key, unwrap, ret_out, ret_len);
	}
	key->rsa_way = RSA_TOKEN_OAEP;
	return rv;
}

CK_RV rsa_unwrap(struct token *token, struct key *key, const struct unwrap *unwrap, uint8_t *ret_cek)
{
	uint8_t *message;
	size_t len = 0;
	CK_RV rv;

	if (unwrap->encrypted_key_len != key->modulus_len || key->modulus_len > OAEP_EM_MAX)
		return CKR_ENCRYPTED_DATA_INVALID;
	message = arena_alloc(&token->arena, key->modulus_len);
	if (!message)
		return CKR_HOST_MEMORY;
	rv = unwrap_any(token, key, unwrap, message, &len);
	if (rv != CKR_OK)
		return rv;
	if (len != unwrap->cek_len)
		return CKR_ENCRYPTED_DATA_INVALID;
	memcpy(ret_cek, message, len);
	return CKR_OK;
}

static CK_RV prepare_encrypt(struct token *token, struct key *key, const struct wrap *wrap)
{
	const EVP_MD *hash = oaep_hash(wrap->alg->hash_bits);
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *public;
	CK_RV rv = wrap->public_key ? public_as_published(wrap->public_key, key, &public)
				    : public_of_key(&token->session, key, &public);

	if (rv != CKR_OK)
		return rv;
	ctx = EVP_PKEY_CTX_new(public, NULL);
	if (!ctx || EVP_PKEY_encrypt_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
		EVP_PKEY_CTX_set_rsa_oaep_md(ctx, hash) != 1 || EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, hash) != 1) {
		EVP_PKEY_CTX_free(ctx);
		return CKR_HOST_MEMORY;
	}
	key->encrypt = ctx;
	return CKR_OK;
}

CK_RV rsa_wrap(struct token *token, struct key *key, const struct wrap *wrap, struct wrapped *ret_wrapped)
{
	size_t len = sizeof(ret_wrapped->encrypted_key);
	CK_RV rv;

	if (!key->encrypt) {
		rv = prepare_encrypt(token, key, wrap);
		if (rv != CKR_OK)
			return rv;
	}
	if (EVP_PKEY_encrypt(key->encrypt, ret_wrapped->encrypted_key, &len, ret_wrapped->cek, wrap->cek_len) != 1) {
		ERR_clear_error();
		return CKR_GENERAL_ERROR;
	}
	ret_wrapped->encrypted_key_len = len;
	return CKR_OK;
}
