/* SPDX-License-Identifier: Apache-2.0 */
/* pkey.h */
#include "client/jose/pkey.h"

#include <stdio.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

enum {
	POINT_MAX = 1 + 2 * 66, /* P-521, with the octet that says uncompressed */
	EXPONENT_MAX = 8,       /* octets */
};

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx && EVP_PKEY_fromdata_init(ctx) > 0 && EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return pkey;
}

static EVP_PKEY *rsa(const struct cek_public_key *key)
{
	OSSL_PARAM_BLD *builder;
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pkey = NULL;
	BIGNUM *n, *e;

	if (key->n.len == 0 || key->n.len > RSA_BITS_MAX / 8 || key->e.len == 0 || key->e.len > EXPONENT_MAX)
		return NULL;
	n = BN_bin2bn(key->n.data, (int)key->n.len, NULL);
	e = BN_bin2bn(key->e.data, (int)key->e.len, NULL);
	builder = OSSL_PARAM_BLD_new();
	if (n && e && builder && BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e) &&
		OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) &&
		OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e))
		params = OSSL_PARAM_BLD_to_param(builder);
	if (params)
		pkey = from_params("RSA", params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	BN_free(n);
	BN_free(e);
	return pkey;
}

/* OpenSSL refuses a point that is not on the curve; the point at infinity has no coordinates. */
static EVP_PKEY *ec(const struct cek_public_key *key)
{
	uint8_t point[POINT_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)key->crv, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + key->x.len + key->y.len),
		OSSL_PARAM_construct_end(),
	};

	memcpy(point + 1, key->x.data, key->x.len);
	memcpy(point + 1 + key->x.len, key->y.data, key->y.len);
	return from_params("EC", params);
}

EVP_PKEY *pkey_from_public(const struct cek_public_key *key)
{
	const struct curve *curve = key->crv ? curve_find(key->crv) : NULL;

	if (!key->kty)
		return NULL;
	if (strcmp(key->kty, "RSA") == 0)
		return rsa(key);
	if (!curve || strcmp(key->kty, curve->kty) != 0 || key->x.len != curve->field_len)
		return NULL;
	if (strcmp(key->kty, "OKP") == 0)
		return EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, key->x.data, key->x.len);
	return key->y.len == curve->field_len ? ec(key) : NULL;
}

int pkey_rsa_oaep(EVP_PKEY *pkey, const struct alg *alg, struct cek_bytes cek, uint8_t *ret_encrypted, size_t *ret_len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
	size_t len = ENCRYPTED_KEY_MAX;
	char hash[16] = "SHA1";
	bool ok;

	if (alg->hash_bits > 1)
		(void)snprintf(hash, sizeof(hash), "SHA%u", alg->hash_bits);
	ok = ctx && EVP_PKEY_encrypt_init(ctx) > 0 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
		EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, hash, NULL) > 0 &&
		EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, hash, NULL) > 0 &&
		EVP_PKEY_encrypt(ctx, ret_encrypted, &len, cek.data, cek.len) > 0;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	if (!ok)
		return -1;
	*ret_len = len;
	return 0;
}

static EVP_PKEY *make_ephemeral(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL); /* takes the curve from it */
	EVP_PKEY *ephemeral = NULL;

	if (ctx && EVP_PKEY_keygen_init(ctx) > 0 && EVP_PKEY_keygen(ctx, &ephemeral) <= 0)
		ephemeral = NULL;
	EVP_PKEY_CTX_free(ctx);
	return ephemeral;
}

/* Derivation fails for an X25519 point of small order, whose Z would be zero (RFC 8037 section 3.2). */
static int derive(EVP_PKEY *own, EVP_PKEY *peer, size_t len, uint8_t *ret_z)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	size_t got = len;
	bool ok = ctx && EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, peer) > 0 &&
		EVP_PKEY_derive(ctx, ret_z, &got) > 0 && got == len;

	EVP_PKEY_CTX_free(ctx);
	return ok ? 0 : -1;
}

/* The encoded point of a curve in short form has one leading octet that says so. */
static int public_octets(EVP_PKEY *pkey, const struct curve *curve, uint8_t *ret_point)
{
	bool ec = strcmp(curve->kty, "EC") == 0;
	size_t want = ec ? 1 + 2 * (size_t)curve->field_len : curve->field_len, len;
	uint8_t point[POINT_MAX];

	if (EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len) <= 0 ||
		len != want)
		return -1;
	memcpy(ret_point, point + ec, want - ec);
	return 0;
}

int pkey_agree(EVP_PKEY *pkey, const struct curve *curve, uint8_t *ret_z, size_t *ret_z_len, uint8_t *ret_point)
{
	EVP_PKEY *ephemeral = make_ephemeral(pkey);
	int rc = -1;

	if (ephemeral && public_octets(ephemeral, curve, ret_point) == 0)
		rc = derive(ephemeral, pkey, curve->field_len, ret_z);
	if (rc == 0)
		*ret_z_len = curve->field_len;
	EVP_PKEY_free(ephemeral);
	ERR_clear_error();
	return rc;
}

static size_t put(uint8_t *out, size_t at, const void *data, size_t len)
{
	uint8_t *to = out + at;

	for (unsigned i = 0; i < 4; i++)
		to[i] = (uint8_t)(len >> (24 - 8 * i));
	if (len > 0)
		memcpy(to + 4, data, len);
	return at + 4 + len;
}

int pkey_concat_kdf(struct cek_bytes z, const char *id, struct cek_bytes apu, struct cek_bytes apv, size_t key_len,
	uint8_t *ret_key)
{
	uint8_t info[4 * 4 + 32 + 2 * PARTY_INFO_MAX];
	char digest[] = "SHA256";
	size_t len = put(info, 0, id, strlen(id)), bits = key_len * 8;
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SSKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[4];
	int rc;

	len = put(info, len, apu.data, apu.len);
	len = put(info, len, apv.data, apv.len);
	for (unsigned i = 0; i < 4; i++) /* SuppPubInfo: keydatalen */
		info[len++] = (uint8_t)(bits >> (24 - 8 * i));
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)z.data, z.len);
	params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, len);
	params[3] = OSSL_PARAM_construct_end();
	rc = ctx && EVP_KDF_derive(ctx, ret_key, key_len, params) > 0 ? 0 : -1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return rc;
}

int pkey_aes_wrap(const uint8_t *kek, unsigned kek_bits, struct cek_bytes cek, uint8_t *ret_wrapped)
{
	const EVP_CIPHER *cipher = kek_bits == 128 ? EVP_aes_128_wrap()
		: kek_bits == 192                  ? EVP_aes_192_wrap()
						   : EVP_aes_256_wrap();
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, last = 0;
	bool ok;

	if (ctx)
		EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	ok = ctx && EVP_EncryptInit_ex(ctx, cipher, NULL, kek, NULL) &&
		EVP_EncryptUpdate(ctx, ret_wrapped, &n, cek.data, (int)cek.len) &&
		EVP_EncryptFinal_ex(ctx, ret_wrapped + n, &last) && (size_t)(n + last) == cek.len + 8;
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	return ok ? 0 : -1;
}
