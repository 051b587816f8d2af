/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/import/envelope.c: what is sealed can be opened with the private half of the transport key, by an
 * OpenSSL that knows nothing of our code. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "client/cekctl/import/envelope.h"
#include "tests/unit/client/cekctl/import/private_keys.h"

static size_t open_aes_key(EVP_PKEY *transport, const struct envelope *envelope, uint8_t aes_key[512])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(transport, NULL);
	size_t len = 512;

	assert_true(EVP_PKEY_decrypt_init(ctx) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0);
	assert_true(EVP_PKEY_decrypt(ctx, aes_key, &len, envelope->aes_key, envelope->aes_key_len) > 0);
	EVP_PKEY_CTX_free(ctx);
	return len;
}

static void expect_sealed(EVP_PKEY *transport, const struct envelope *envelope, const struct private_key *key)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t aes_key[512], out[PRIVATE_DER_MAX + 16];
	int len;

	assert_int_equal(open_aes_key(transport, envelope, aes_key), 32);
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	assert_true(EVP_DecryptInit_ex(ctx, EVP_aes_256_wrap_pad(), NULL, aes_key, NULL) > 0);
	assert_true(EVP_DecryptUpdate(ctx, out, &len, envelope->key, (int)envelope->key_len) > 0);
	assert_int_equal(len, key->secret_len);
	assert_memory_equal(out, key->secret, key->secret_len);
	EVP_CIPHER_CTX_free(ctx);
}

static void test_envelope(void **state)
{
	EVP_PKEY *transport = EVP_RSA_gen(2048), *pkey = EVP_RSA_gen(4096);
	struct private_key key = {.kty = ""}, public_key = {.kty = ""};
	char why[PRIVATE_WHY] = "";
	struct envelope envelope, again;

	assert_int_equal(read_jwk(rsa_jwk(transport), "RSA-OAEP", &public_key, why), 0);
	assert_int_equal(read_jwk(rsa_jwk(pkey), "RSA-OAEP", &key, why), 0);
	assert_int_equal(envelope_seal(public_key.n, public_key.n_len, public_key.e, public_key.e_len, &key, &envelope),
		0);
	expect_sealed(transport, &envelope, &key);
	/* a fresh AES key each time */
	assert_int_equal(envelope_seal(public_key.n, public_key.n_len, public_key.e, public_key.e_len, &key, &again),
		0);
	assert_int_equal(envelope.key_len, again.key_len);
	assert_memory_not_equal(envelope.key, again.key, again.key_len);
	/* half of the modulus is no transport key */
	assert_int_equal(envelope_seal(public_key.n, 128, public_key.e, public_key.e_len, &key, &envelope), -EINVAL);
	private_key_deinit(&key);
	private_key_deinit(&public_key);
	EVP_PKEY_free(transport);
	EVP_PKEY_free(pkey);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_envelope),
	};

	return cmocka_run_group_tests(tests, private_keys_set_up, private_keys_tear_down);
}
