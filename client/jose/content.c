/* SPDX-License-Identifier: Apache-2.0 */
/* content.h, by OpenSSL's EVP. */
#include "client/jose/content.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/wipe.h"
#include "client/jose/cek-jose.h"

size_t content_iv_len(const struct enc *enc)
{
	return enc->gcm ? GCM_IV_LEN : CONTENT_BLOCK;
}

size_t content_tag_len(const struct enc *enc)
{
	return enc->gcm ? GCM_TAG_LEN : enc->cek_len / 2;
}

size_t content_ciphertext_len(const struct enc *enc, size_t plaintext_len)
{
	return enc->gcm ? plaintext_len : (plaintext_len / CONTENT_BLOCK + 1) * CONTENT_BLOCK;
}

/* A cipher, fetched once in a process: OpenSSL looks longer for it than a token takes. Kept until the process ends, as
 * OpenSSL may end before this library does. NULL without memory, or where a policy of OpenSSL's forbids it. */
static const EVP_CIPHER *fetched(const char *name, _Atomic(EVP_CIPHER *) *place)
{
	EVP_CIPHER *cipher = atomic_load(place), *other = NULL;

	if (cipher)
		return cipher;
	cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	if (!cipher || atomic_compare_exchange_strong(place, &other, cipher))
		return cipher;
	EVP_CIPHER_free(cipher);
	return other;
}

static const EVP_CIPHER *cipher_of(const struct enc *enc)
{
	static const char *const names[2][3] = {{"AES-128-CBC", "AES-192-CBC", "AES-256-CBC"},
		{"AES-128-GCM", "AES-192-GCM", "AES-256-GCM"}};
	static _Atomic(EVP_CIPHER *) ciphers[2][3];
	size_t key_len = enc->gcm ? enc->cek_len : enc->cek_len / 2, i = (key_len - 16) / 8;

	return fetched(names[enc->gcm][i], &ciphers[enc->gcm][i]);
}

/* CBC-HMAC: the first half of the CEK authenticates, the second encrypts (RFC 7518 section 5.2.2.1). */
static const uint8_t *cipher_key(const struct content *content)
{
	return content->enc->gcm ? content->cek : content->cek + content->enc->cek_len / 2;
}

/* MAC over AAD, IV, ciphertext and AL, the number of bits of the AAD in 64 bits (RFC 7518 section 5.2.2.1). The whole
 * hash is written; its first half is the tag. */
static bool mac_compute(const struct content *content, struct cek_bytes ciphertext, uint8_t ret_mac[EVP_MAX_MD_SIZE])
{
	const struct enc *enc = content->enc;
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, sizeof(digest) - 1),
		OSSL_PARAM_END,
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	uint64_t bits = (uint64_t)content->aad.len * 8;
	uint8_t al[8];
	size_t len;
	bool ok;

	if (enc->cek_len > 32)
		memcpy(digest, enc->cek_len == 48 ? "SHA384" : "SHA512", sizeof(digest));
	for (unsigned i = 0; i < sizeof(al); i++)
		al[i] = (uint8_t)(bits >> (56 - 8 * i));
	ok = ctx && EVP_MAC_init(ctx, content->cek, enc->cek_len / 2, params) &&
		EVP_MAC_update(ctx, content->aad.data, content->aad.len) &&
		EVP_MAC_update(ctx, content->iv, CONTENT_BLOCK) &&
		EVP_MAC_update(ctx, ciphertext.data, ciphertext.len) && EVP_MAC_update(ctx, al, sizeof(al)) &&
		EVP_MAC_final(ctx, ret_mac, &len, EVP_MAX_MD_SIZE) && len == enc->cek_len;
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return ok;
}

static int mac_check(const struct content *content, struct cek_bytes ciphertext, const uint8_t *tag)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	int differs;

	if (!mac_compute(content, ciphertext, mac))
		return CEK_JWE_NOMEM;
	differs = CRYPTO_memcmp(mac, tag, content->enc->cek_len / 2);
	wipe(mac, sizeof(mac));
	return differs ? CEK_JWE_FAILED : CEK_JWE_OK;
}

static int decrypt(EVP_CIPHER_CTX *ctx, const struct content *content, struct cek_bytes ciphertext, const uint8_t *tag,
	uint8_t *ret_plaintext, size_t *ret_len)
{
	uint8_t gcm_tag[GCM_TAG_LEN];
	const EVP_CIPHER *cipher = cipher_of(content->enc);
	int n, last;

	if (!cipher || !EVP_DecryptInit_ex(ctx, cipher, NULL, cipher_key(content), content->iv))
		return CEK_JWE_NOMEM;
	if (content->enc->gcm) {
		memcpy(gcm_tag, tag, sizeof(gcm_tag));
		if (!EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_LEN, gcm_tag) ||
			!EVP_DecryptUpdate(ctx, NULL, &n, content->aad.data, (int)content->aad.len))
			return CEK_JWE_NOMEM;
	}
	n = 0;
	if ((ciphertext.len > 0 && !EVP_DecryptUpdate(ctx, ret_plaintext, &n, ciphertext.data, (int)ciphertext.len)) ||
		!EVP_DecryptFinal_ex(ctx, ret_plaintext + n, &last))
		return CEK_JWE_FAILED;
	*ret_len = (size_t)(n + last);
	return CEK_JWE_OK;
}

int content_decrypt(const struct content *content, struct cek_bytes ciphertext, const uint8_t *tag,
	uint8_t *ret_plaintext, size_t *ret_len)
{
	EVP_CIPHER_CTX *ctx;
	int code = CEK_JWE_OK;

	if (!content->enc->gcm)
		code = mac_check(content, ciphertext, tag);
	if (code != CEK_JWE_OK)
		return code;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return CEK_JWE_NOMEM;
	code = decrypt(ctx, content, ciphertext, tag, ret_plaintext, ret_len);
	EVP_CIPHER_CTX_free(ctx);
	if (code != CEK_JWE_OK) {
		wipe(ret_plaintext, ciphertext.len);
		ERR_clear_error();
	}
	return code;
}

static bool encrypt(EVP_CIPHER_CTX *ctx, const struct content *content, struct cek_bytes plaintext,
	uint8_t *ret_ciphertext, uint8_t *ret_tag)
{
	const EVP_CIPHER *cipher = cipher_of(content->enc);
	bool gcm = content->enc->gcm;
	int n = 0, last;

	if (!cipher || !EVP_EncryptInit_ex(ctx, cipher, NULL, cipher_key(content), content->iv))
		return false;
	if (gcm && !EVP_EncryptUpdate(ctx, NULL, &n, content->aad.data, (int)content->aad.len))
		return false;
	n = 0;
	if (plaintext.len > 0 && !EVP_EncryptUpdate(ctx, ret_ciphertext, &n, plaintext.data, (int)plaintext.len))
		return false;
	if (!EVP_EncryptFinal_ex(ctx, ret_ciphertext + n, &last))
		return false;
	return !gcm || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_LEN, ret_tag) > 0;
}

int content_encrypt(const struct content *content, struct cek_bytes plaintext, uint8_t *ret_ciphertext,
	uint8_t *ret_tag)
{
	struct cek_bytes ciphertext = {ret_ciphertext, content_ciphertext_len(content->enc, plaintext.len)};
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t mac[EVP_MAX_MD_SIZE];
	bool ok = ctx && encrypt(ctx, content, plaintext, ret_ciphertext, ret_tag);

	EVP_CIPHER_CTX_free(ctx);
	if (ok && !content->enc->gcm) {
		ok = mac_compute(content, ciphertext, mac);
		if (ok)
			memcpy(ret_tag, mac, content_tag_len(content->enc));
		wipe(mac, sizeof(mac));
	}
	if (!ok)
		ERR_clear_error();
	return ok ? CEK_JWE_OK : CEK_JWE_NOMEM;
}
