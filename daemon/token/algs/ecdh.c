/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDH-ES (RFC 7518 section 4.6, RFC 8037 section 3.2): the agreement in the token, the rest in the worker. Every point
 * is checked here, whatever the token does.
 */
#include "daemon/token/algs/ecdh.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "daemon/token/algs/agree.h"
#include "daemon/token/p11/carrier.h"
#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/curves.h"
#include "daemon/token/p11/public.h"

enum { Z_MAX = 66, KW_OVERHEAD = 8 };

/* The token's own side: derive into a session object, read it, destroy it. */
static CK_RV derive(struct token *token, struct key *key, const uint8_t *point, size_t point_len, uint8_t *ret_z)
{
	CK_FUNCTION_LIST *f = token->session.f;
	uint8_t der[POINT_MAX + 3] = {0x04};
	size_t header = point_len < 128 ? 2 : 3, len = 0;
	CK_ECDH1_DERIVE_PARAMS params = {.kdf = CKD_NULL,
		.pPublicData = (CK_BYTE *)(uintptr_t)point,
		.ulPublicDataLen = point_len};
	CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &params, sizeof(params)};
	CK_ULONG value_len = key->curve->field_len;
	CK_ATTRIBUTE template[CARRIER_ATTRIBUTES];
	CK_ULONG n = carrier_template(template, &(CK_ATTRIBUTE){CKA_VALUE_LEN, &value_len, sizeof(value_len)});
	CK_OBJECT_HANDLE object;
	CK_RV rv;

	if (token->facts.curve[facts_curve_index(key->curve)].wrapped_point) {
		der[1] = header == 2 ? (uint8_t)point_len : 0x81;
		der[header - 1] = (uint8_t)point_len;
		memcpy(der + header, point, point_len);
		params.pPublicData = der;
		params.ulPublicDataLen = header + point_len;
	}
	token->session.touched = true;
	rv = f->C_DeriveKey(token->session.handle, &mechanism, key->handle, template, n, &object);
	if (rv != CKR_OK)
		return rv;
	rv = carrier_take(&token->session, object, ret_z, Z_MAX, &len);
	return rv == CKR_OK && len != key->curve->field_len ? CKR_GENERAL_ERROR : rv;
}

/* The key that Z gives: the CEK itself (direct), or the key that wraps it. */
static CK_RV derived_key(const struct alg *alg, const char *enc, const struct curve *curve, const uint8_t *z,
	const uint8_t *apu, size_t apu_len, const uint8_t *apv, size_t apv_len, uint8_t *ret_key, size_t len)
{
	/* A point of small order would make every X25519 key agree on zero (RFC 8037 section 3.2). On the other curves
	 * x = 0 is a point like any other. */
	if (strcmp(curve->kty, "OKP") == 0 && agree_all_zero(z, curve->field_len))
		return CKR_ENCRYPTED_DATA_INVALID;
	if (agree_kdf(z, curve->field_len, alg->key_bits ? alg->name : enc, apu, apu_len, apv, apv_len, ret_key, len) <
		0)
		return CKR_ENCRYPTED_DATA_INVALID;
	return CKR_OK;
}

CK_RV ecdh_unwrap(struct token *token, struct key *key, const struct unwrap *unwrap, uint8_t *ret_cek)
{
	const Cek__V1__AlgParams *params = unwrap->params;
	const size_t kek_len = unwrap->alg->key_bits / 8;
	struct public_half epk;
	uint8_t *z, *kek;
	CK_RV rv;

	if (unwrap->encrypted_key_len != (kek_len ? unwrap->cek_len + KW_OVERHEAD : 0) || !params || !params->epk ||
		!public_from_jose(params->epk, &epk) || epk.curve != key->curve)
		return CKR_ENCRYPTED_DATA_INVALID;
	z = arena_alloc(&token->arena, Z_MAX);
	kek = arena_alloc(&token->arena, CEK_LEN_MAX);
	if (!z || !kek)
		return CKR_HOST_MEMORY;
	rv = derive(token, key, epk.point, epk.point_len, z);
	if (rv != CKR_OK)
		return rv;
	rv = derived_key(unwrap->alg, unwrap->enc, key->curve, z, params->apu.data, params->apu.len, params->apv.data,
		params->apv.len, kek, kek_len ? kek_len : unwrap->cek_len);
	if (rv != CKR_OK)
		return rv;
	if (kek_len == 0)
		memcpy(ret_cek, kek, unwrap->cek_len);
	else if (agree_unwrap(kek, kek_len, unwrap->encrypted_key, unwrap->encrypted_key_len, ret_cek) < 0)
		return CKR_ENCRYPTED_DATA_INVALID;
	return CKR_OK;
}

/* A fresh key pair on the recipient's curve, its public point and the shared secret. */
static CK_RV ephemeral(EVP_PKEY *recipient, const struct curve *curve, uint8_t *ret_point, uint8_t *ret_z)
{
	const bool okp = strcmp(curve->kty, "OKP") == 0;
	EVP_PKEY *own = okp ? EVP_PKEY_Q_keygen(NULL, NULL, "X25519")
			    : EVP_PKEY_Q_keygen(NULL, NULL, "EC", curves_group(curve));
	EVP_PKEY_CTX *ctx = own ? EVP_PKEY_CTX_new(own, NULL) : NULL;
	size_t z_len = Z_MAX, point_len = 0;
	CK_RV rv = CKR_GENERAL_ERROR;

	if (ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer_ex(ctx, recipient, 0) == 1 &&
		EVP_PKEY_derive(ctx, ret_z, &z_len) == 1 && z_len == curve->field_len &&
		EVP_PKEY_get_octet_string_param(own, "pub", ret_point, POINT_MAX, &point_len) == 1 &&
		point_len == (okp ? curve->field_len : 1 + 2 * curve->field_len))
		rv = CKR_OK;
	else
		ERR_clear_error();
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(own);
	return rv;
}

/* Is it the key, and not the token, that does not agree? A KEK of ECDH-ES may derive, and does so with a point of its
 * own curve. */
static bool keys_fault(const struct token *token, const struct curve *curve, CK_RV rv)
{
	const enum ckr_class class = ckr_class(rv);

	return rv == CKR_KEY_FUNCTION_NOT_PERMITTED || rv == CKR_KEY_TYPE_INCONSISTENT ||
		(token->facts.curve[facts_curve_index(curve)].works &&
			(class == CKR_CLASS_UNSUPPORTED || class == CKR_CLASS_DATA));
}

static CK_RV compare(struct token *token, CK_OBJECT_HANDLE object, const struct public_half *half,
	enum named_same *ret_same)
{
	struct key key = {.handle = object, .class = CKO_PRIVATE_KEY, .curve = half->curve};
	EVP_PKEY *public = public_for_openssl(half);
	uint8_t *ours = arena_alloc(&token->arena, Z_MAX), *theirs = arena_alloc(&token->arena, Z_MAX);
	uint8_t point[POINT_MAX];
	CK_RV rv = !ours || !theirs ? CKR_HOST_MEMORY
		: public            ? ephemeral(public, half->curve, point, ours)
				    : CKR_PUBLIC_KEY_INVALID;

	EVP_PKEY_free(public);
	if (rv != CKR_OK)
		return rv;
	rv = derive(token, &key, point, half->point_len, theirs);
	if (rv == CKR_OK)
		*ret_same = CRYPTO_memcmp(ours, theirs, half->curve->field_len) == 0 ? NAMED_SAME : NAMED_OTHER;
	else if (keys_fault(token, half->curve, rv))
		*ret_same = NAMED_OTHER;
	return *ret_same == NAMED_OTHER ? CKR_OK : rv;
}

/* There may be many to compare with, and a job behind it. */
CK_RV ecdh_compare(void *context, CK_OBJECT_HANDLE object, const struct public_half *half, enum named_same *ret_same)
{
	struct token *token = context;
	const size_t used = token->arena.used;
	CK_RV rv = compare(token, object, half, ret_same);

	wipe(token->arena.base + used, token->arena.used - used);
	token->arena.used = used;
	return rv;
}

CK_RV ecdh_wrap(struct token *token, struct key *key, const struct wrap *wrap, struct wrapped *ret_wrapped)
{
	const size_t kek_len = wrap->alg->key_bits / 8;
	uint8_t *z = arena_alloc(&token->arena, Z_MAX), *kek = arena_alloc(&token->arena, CEK_LEN_MAX);
	EVP_PKEY *recipient;
	CK_RV rv;

	if (!z || !kek)
		return CKR_HOST_MEMORY;
	rv = wrap->public_key ? public_as_published(wrap->public_key, key, &recipient)
			      : public_of_key(&token->session, key, &recipient);
	if (rv == CKR_OK)
		rv = ephemeral(recipient, key->curve, ret_wrapped->point, z);
	if (rv == CKR_OK)
		rv = derived_key(wrap->alg, wrap->enc, key->curve, z, wrap->apu, wrap->apu_len, wrap->apv,
			wrap->apv_len, kek, kek_len ? kek_len : wrap->cek_len);
	if (rv != CKR_OK)
		return rv;
	ret_wrapped->curve = key->curve;
	if (kek_len == 0) {
		memcpy(ret_wrapped->cek, kek, wrap->cek_len);
		return CKR_OK;
	}
	if (agree_wrap(kek, kek_len, ret_wrapped->cek, wrap->cek_len, ret_wrapped->encrypted_key) < 0)
		return CKR_GENERAL_ERROR;
	ret_wrapped->encrypted_key_len = wrap->cek_len + KW_OVERHEAD;
	return CKR_OK;
}
