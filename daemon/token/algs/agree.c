/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/algs/agree.h"

#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "daemon/shared/testhook.h"
#include "proto/alg.h"

enum {
	ALGORITHM_ID_MAX = 32,
	OTHER_INFO_MAX = 4 + ALGORITHM_ID_MAX + 4 + PARTY_INFO_MAX + 4 + PARTY_INFO_MAX + 4,
	KW_OVERHEAD = 8,
};

static uint8_t *put_u32(uint8_t *at, size_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		*at++ = (uint8_t)(value >> shift);
	return at;
}

static uint8_t *put(uint8_t *at, const void *data, size_t len)
{
	at = put_u32(at, len);
	if (len > 0)
		memcpy(at, data, len);
	return at + len;
}

/* One context for the life of the process; EVP_KDF_CTX_reset() wipes what it copied. */
static EVP_KDF_CTX *kdf_context(void)
{
	static EVP_KDF_CTX *ctx;

	if (!ctx) {
		EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_SSKDF, NULL);

		ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
		EVP_KDF_free(kdf);
	}
	return ctx;
}

int agree_kdf(const uint8_t *z, size_t z_len, const char *algorithm_id, const uint8_t *apu, size_t apu_len,
	const uint8_t *apv, size_t apv_len, uint8_t *ret_key, size_t ret_len)
{
	uint8_t info[OTHER_INFO_MAX], *at = info;
	static char digest[] = "SHA256";
	EVP_KDF_CTX *ctx = kdf_context();
	int r;

	if (strlen(algorithm_id) > ALGORITHM_ID_MAX || apu_len > PARTY_INFO_MAX || apv_len > PARTY_INFO_MAX)
		return -EINVAL;
	if (!ctx)
		return -ENOMEM;
	/* A secret-dependent way out, as in the Raccoon attack, planted for tests/bench/timing.c. */
	if (testhook_armed("agree.early-return") && z[0] == 0)
		return -EINVAL;
	at = put(at, algorithm_id, strlen(algorithm_id));
	at = put(at, apu, apu_len);
	at = put(at, apv, apv_len);
	at = put_u32(at, ret_len * 8);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)z, z_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, (size_t)(at - info)),
		OSSL_PARAM_construct_end(),
	};
	r = EVP_KDF_derive(ctx, ret_key, ret_len, params) == 1 ? 0 : -ENOMEM;
	EVP_KDF_CTX_reset(ctx);
	return r;
}

static const EVP_CIPHER *wrap_cipher(size_t kek_len)
{
	static EVP_CIPHER *cipher[3];
	static const char *names[] = {"AES-128-WRAP", "AES-192-WRAP", "AES-256-WRAP"};
	const size_t i = kek_len / 8 - 2;

	if (kek_len % 8 != 0 || i > 2)
		return NULL;
	if (!cipher[i])
		cipher[i] = EVP_CIPHER_fetch(NULL, names[i], NULL);
	return cipher[i];
}

static int run(const uint8_t *kek, size_t kek_len, const uint8_t *in, size_t len, int encrypt, uint8_t *ret_out,
	size_t want)
{
	static EVP_CIPHER_CTX *ctx;
	const EVP_CIPHER *cipher = wrap_cipher(kek_len);
	int out = 0, r = 0;

	if (!ctx)
		ctx = EVP_CIPHER_CTX_new();
	if (!ctx || !cipher)
		return -EINVAL;
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (EVP_CipherInit_ex2(ctx, cipher, kek, NULL, encrypt, NULL) != 1)
		r = -EINVAL;
	else if (EVP_CipherUpdate(ctx, ret_out, &out, in, (int)len) != 1 || (size_t)out != want)
		r = -EBADMSG;
	EVP_CIPHER_CTX_reset(ctx);
	if (r < 0)
		ERR_clear_error();
	return r;
}

int agree_wrap(const uint8_t *kek, size_t kek_len, const uint8_t *cek, size_t len, uint8_t *ret_wrapped)
{
	return run(kek, kek_len, cek, len, 1, ret_wrapped, len + KW_OVERHEAD);
}

int agree_unwrap(const uint8_t *kek, size_t kek_len, const uint8_t *wrapped, size_t len, uint8_t *ret_cek)
{
	if (len < 2 * KW_OVERHEAD + KW_OVERHEAD || len % KW_OVERHEAD != 0)
		return -EBADMSG;
	return run(kek, kek_len, wrapped, len, 0, ret_cek, len - KW_OVERHEAD);
}

int agree_all_zero(const uint8_t *data, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= data[i];
	return 1 & ((unsigned)any - 1) >> 8;
}
