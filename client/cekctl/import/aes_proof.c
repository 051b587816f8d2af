/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/import/aes_proof.h"

#include <errno.h>
#include <stdbool.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

static bool key_wrap(EVP_CIPHER_CTX *ctx, const struct private_key *key, const uint8_t *cek, struct aes_proof *proof)
{
	const EVP_CIPHER *cipher = key->secret_len == 16 ? EVP_aes_128_wrap()
		: key->secret_len == 24                  ? EVP_aes_192_wrap()
							 : EVP_aes_256_wrap();
	int len = 0;

	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (EVP_EncryptInit_ex2(ctx, cipher, key->secret, NULL, NULL) <= 0 ||
		EVP_EncryptUpdate(ctx, proof->encrypted_key, &len, cek, AES_PROOF_CEK) <= 0)
		return false;
	proof->encrypted_key_len = (size_t)len;
	return true;
}

static bool gcm_key_wrap(EVP_CIPHER_CTX *ctx, const struct private_key *key, const uint8_t *cek,
	struct aes_proof *proof)
{
	const EVP_CIPHER *cipher = key->secret_len == 16 ? EVP_aes_128_gcm()
		: key->secret_len == 24                  ? EVP_aes_192_gcm()
							 : EVP_aes_256_gcm();
	int len = 0, more = 0;

	proof->iv_len = sizeof(proof->iv);
	proof->tag_len = sizeof(proof->tag);
	if (RAND_bytes(proof->iv, sizeof(proof->iv)) <= 0 ||
		EVP_EncryptInit_ex2(ctx, cipher, key->secret, proof->iv, NULL) <= 0 ||
		EVP_EncryptUpdate(ctx, proof->encrypted_key, &len, cek, AES_PROOF_CEK) <= 0 ||
		EVP_EncryptFinal_ex(ctx, proof->encrypted_key + len, &more) <= 0 ||
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, sizeof(proof->tag), proof->tag) <= 0)
		return false;
	proof->encrypted_key_len = (size_t)(len + more);
	return true;
}

int aes_proof_make(const struct private_key *key, const struct alg *alg, uint8_t ret_cek[AES_PROOF_CEK],
	struct aes_proof *ret_proof)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool good = ctx && RAND_priv_bytes(ret_cek, AES_PROOF_CEK) > 0;

	*ret_proof = (struct aes_proof){.encrypted_key_len = 0};
	if (good)
		good = alg->family == ALG_AES_KW ? key_wrap(ctx, key, ret_cek, ret_proof)
						 : gcm_key_wrap(ctx, key, ret_cek, ret_proof);
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	return good ? 0 : -EIO;
}
