/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are opened in the worker: which ones reach the token, and as what. */
#include "daemon/token/manage/plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static const uint8_t kek[32] = {5};
static struct token token;
static unsigned created;
static CK_ULONG n_parts; /* of what was created last, beside class, type and label */
static size_t modulus_len, value_len;

static CK_RV create_object(CK_SESSION_HANDLE session, CK_ATTRIBUTE *attribute, CK_ULONG n, CK_OBJECT_HANDLE *ret_object)
{
	(void)session;
	created++;
	n_parts = n - 3;
	modulus_len = value_len = 0;
	for (CK_ULONG i = 0; i < n; i++) {
		if (attribute[i].type == CKA_MODULUS)
			modulus_len = attribute[i].ulValueLen;
		if (attribute[i].type == CKA_VALUE)
			value_len = attribute[i].ulValueLen;
	}
	assert_int_equal(attribute[n - 1].type, CKA_LABEL);
	*ret_object = 7;
	return CKR_OK;
}

static int setup(void **state)
{
	static CK_FUNCTION_LIST functions = {.C_CreateObject = create_object};

	(void)state;
	token = (struct token){.session = {.f = &functions}};
	created = 0;
	return arena_init(&token.arena, 65536);
}

static int teardown(void **state)
{
	(void)state;
	arena_deinit(&token.arena);
	return 0;
}

static CK_RV create_with(const uint8_t *with, const uint8_t *plain, size_t len, CK_OBJECT_CLASS class,
	const struct curve *curve)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	uint8_t data[4096];
	int n = 0;
	struct template template = {.n = 0};
	ProtobufCBinaryData wrapped = {.data = data};
	CK_OBJECT_HANDLE object = 0;
	CK_RV rv;

	EVP_CIPHER_CTX_set_flags(cipher, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	assert_int_equal(EVP_EncryptInit_ex(cipher, EVP_aes_256_wrap_pad(), NULL, with, NULL), 1);
	assert_int_equal(EVP_EncryptUpdate(cipher, data, &n, plain, (int)len), 1);
	EVP_CIPHER_CTX_free(cipher);
	wrapped.len = (size_t)n;
	template_add(&template, CKA_LABEL, "label", 5);
	rv = plain_create(&token, kek, &wrapped, class, CKK_RSA, curve, &template, &object);
	assert_int_equal(object, rv == CKR_OK ? 7 : 0);
	arena_reset(&token.arena);
	return rv;
}

/* Frees key. */
static CK_RV create(EVP_PKEY *key, const struct curve *curve)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	uint8_t *der = NULL;
	const int len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	CK_RV rv;

	assert_true(len > 0);
	rv = create_with(kek, der, (size_t)len, CKO_PRIVATE_KEY, curve);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(key);
	return rv;
}

static EVP_PKEY *rsa_of(int primes)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	assert_true(EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1);
	assert_true(EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, primes) == 1 && EVP_PKEY_keygen(ctx, &key) == 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void takes_rsa_of_two_primes_alone(void **state)
{
	(void)state;
	assert_int_equal(create(rsa_of(2), NULL), CKR_OK);
	assert_int_equal(created, 1);
	assert_int_equal(n_parts, 8);
	assert_int_equal(modulus_len, 256);
	assert_int_equal(create(rsa_of(3), NULL), CKR_WRAPPED_KEY_INVALID);
	assert_int_equal(created, 1);
}

/* CKA_EC_PARAMS and the number, as long as the field whatever it begins with. */
static void takes_what_its_public_half_is(void **state)
{
	const struct curve *p521 = curve_find("P-521"), *x25519 = curve_find("X25519");

	(void)state;
	assert_int_equal(create(EVP_EC_gen("P-521"), p521), CKR_OK);
	assert_int_equal(n_parts, 2);
	assert_int_equal(value_len, 66);
	assert_int_equal(create(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), x25519), CKR_OK);
	assert_int_equal(n_parts, 2);
	assert_int_equal(value_len, 32);
	assert_int_equal(created, 2);
	assert_int_equal(create(EVP_EC_gen("P-256"), NULL), CKR_WRAPPED_KEY_INVALID);
	assert_int_equal(create(EVP_EC_gen("P-256"), x25519), CKR_WRAPPED_KEY_INVALID);
	assert_int_equal(create(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), p521), CKR_WRAPPED_KEY_INVALID);
	assert_int_equal(create(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), x25519), CKR_WRAPPED_KEY_INVALID);
	assert_int_equal(create(rsa_of(2), p521), CKR_WRAPPED_KEY_INVALID);
	assert_int_equal(created, 2);
}

static void takes_aes_as_it_is(void **state)
{
	static const uint8_t key[24] = {1}, other[32] = {6};

	(void)state;
	assert_int_equal(create_with(kek, key, sizeof(key), CKO_SECRET_KEY, NULL), CKR_OK);
	assert_int_equal(value_len, 24);
	assert_int_equal(create_with(other, key, sizeof(key), CKO_SECRET_KEY, NULL), CKR_WRAPPED_KEY_INVALID);
	assert_int_equal(create_with(kek, key, sizeof(key), CKO_PRIVATE_KEY, NULL), CKR_WRAPPED_KEY_INVALID);
	assert_int_equal(created, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(takes_rsa_of_two_primes_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(takes_what_its_public_half_is, setup, teardown),
		cmocka_unit_test_setup_teardown(takes_aes_as_it_is, setup, teardown),
	};

	return cmocka_run_group_tests_name("plain", tests, NULL, NULL);
}
