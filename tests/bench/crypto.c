/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rsa.h>
#include <string.h>

bool crypto_concat_kdf(const unsigned char *secret, size_t len, unsigned char ret_key[32])
{
	static const unsigned char info[] =
		"\0\0\0\016ECDH-ES+A256KW\0\0\0\0\0\0\0\0\0\0\001"; /* ends with a NUL: 256 */
	static __thread EVP_KDF_CTX *ctx;
	OSSL_PARAM params[4];

	if (!ctx) {
		EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SSKDF", NULL);

		ctx = EVP_KDF_CTX_new(kdf);
		EVP_KDF_free(kdf);
	}
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, len);
	params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, sizeof(info));
	params[3] = OSSL_PARAM_construct_end();
	return EVP_KDF_derive(ctx, ret_key, 32, params) > 0;
}

size_t crypto_unwrap(const unsigned char key[32], const struct bytes *encrypted_key, unsigned char *ret_cek)
{
	static __thread EVP_CIPHER_CTX *ctx;
	static __thread EVP_CIPHER *cipher;
	int n = 0, more = 0;

	if (!ctx) {
		ctx = EVP_CIPHER_CTX_new();
		cipher = EVP_CIPHER_fetch(NULL, "AES-256-WRAP", NULL);
		EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	}
	if (EVP_DecryptInit_ex(ctx, cipher, NULL, key, NULL) <= 0 ||
		EVP_DecryptUpdate(ctx, ret_cek, &n, encrypted_key->data, (int)encrypted_key->len) <= 0 ||
		EVP_DecryptFinal_ex(ctx, ret_cek + n, &more) <= 0)
		return 0;
	return (size_t)(n + more);
}

size_t crypto_oaep_decode(const unsigned char *block, size_t len, unsigned char *ret_message, size_t size)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	int n = RSA_padding_check_PKCS1_OAEP_mgf1(ret_message, (int)size, block, (int)len, (int)len, NULL, 0,
		EVP_sha256(), EVP_sha256());
#pragma GCC diagnostic pop

	if (n < 0)
		ERR_clear_error();
	return n < 0 ? 0 : (size_t)n;
}
