/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/import/envelope.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

enum { AES_KEY_LEN = 32 };

static EVP_PKEY *transport_key(const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len)
{
	BIGNUM *modulus = BN_bin2bn(n, (int)n_len, NULL), *exponent = BN_bin2bn(e, (int)e_len, NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pkey = NULL;

	if (modulus && exponent && builder && ctx && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) &&
		OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent))
		params = OSSL_PARAM_BLD_to_param(builder);
	if (params && EVP_PKEY_fromdata_init(ctx) > 0)
		EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_BLD_free(builder);
	BN_free(exponent);
	BN_free(modulus);
	return pkey;
}

static int seal_aes_key(EVP_PKEY *transport, const uint8_t *aes_key, struct envelope *envelope)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, transport, NULL);
	bool good;

	envelope->aes_key_len = sizeof(envelope->aes_key);
	good = ctx && EVP_PKEY_encrypt_init(ctx) > 0 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
		EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha1()) > 0 &&
		EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha1()) > 0 &&
		EVP_PKEY_encrypt(ctx, envelope->aes_key, &envelope->aes_key_len, aes_key, AES_KEY_LEN) > 0;
	EVP_PKEY_CTX_free(ctx);
	return good ? 0 : -EIO;
}

static int seal_key(const uint8_t *aes_key, const struct private_key *key, struct envelope *envelope)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len = 0, more = 0;
	bool good = false;

	if (ctx && key->secret_len <= PRIVATE_DER_MAX) {
		EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
		good = EVP_EncryptInit_ex2(ctx, EVP_aes_256_wrap_pad(), aes_key, NULL, NULL) > 0 &&
			EVP_EncryptUpdate(ctx, envelope->key, &len, key->secret, (int)key->secret_len) > 0 &&
			EVP_EncryptFinal_ex(ctx, envelope->key + len, &more) > 0;
	}
	EVP_CIPHER_CTX_free(ctx);
	envelope->key_len = (size_t)len + (size_t)more;
	return good ? 0 : -EIO;
}

int envelope_seal(const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len, const struct private_key *key,
	struct envelope *ret_envelope)
{
	EVP_PKEY *transport = n_len <= 512 && e_len <= 512 ? transport_key(n, n_len, e, e_len) : NULL;
	uint8_t *aes_key = OPENSSL_secure_malloc(AES_KEY_LEN);
	int r = -EIO;

	if (!transport || EVP_PKEY_get_bits(transport) < RSA_BITS_MIN)
		r = -EINVAL;
	else if (aes_key && RAND_priv_bytes(aes_key, AES_KEY_LEN) > 0)
		r = seal_aes_key(transport, aes_key, ret_envelope);
	if (r == 0)
		r = seal_key(aes_key, key, ret_envelope);
	OPENSSL_secure_clear_free(aes_key, AES_KEY_LEN);
	EVP_PKEY_free(transport);
	ERR_clear_error();
	return r;
}
