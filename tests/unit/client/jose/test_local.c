/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "client/jose/open.h"
#include "client/jose/pkey.h"

static const char *const encs[] = {"A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM",
	NULL};

/* A key pair of the test: what a recipient has. */
struct pair {
	EVP_PKEY *pkey;
	struct cek_jwk jwk;
	uint8_t octets[600];
};

static void make_rsa(struct pair *pair)
{
	BIGNUM *n = NULL;

	pair->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	assert_int_equal(EVP_PKEY_get_bn_param(pair->pkey, OSSL_PKEY_PARAM_RSA_N, &n), 1);
	assert_int_equal(BN_bn2bin(n, pair->octets), 256);
	BN_free(n);
	pair->jwk.public_key = (struct cek_public_key){"RSA", {pair->octets, 256}, {"\x01\x00\x01", 3}};
}

static void make_curve(struct pair *pair, const struct curve *curve)
{
	bool ec = strcmp(curve->kty, "EC") == 0;
	struct cek_public_key *key = &pair->jwk.public_key;
	size_t len = curve->field_len, got;

	pair->pkey = ec ? EVP_EC_gen(curve->name) : EVP_PKEY_Q_keygen(NULL, NULL, curve->name);
	assert_int_equal(EVP_PKEY_get_octet_string_param(pair->pkey, OSSL_PKEY_PARAM_PUB_KEY, pair->octets,
				 sizeof(pair->octets), &got),
		1);
	*key = (struct cek_public_key){.kty = curve->kty, .crv = curve->name, .x = {pair->octets + ec, len}};
	if (ec)
		key->y = (struct cek_bytes){pair->octets + 1 + len, len};
}

static size_t unwrap_rsa(EVP_PKEY *pkey, const struct pending *pending, uint8_t *ret_cek)
{
	unsigned bits = pending->header.alg->hash_bits;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
	size_t len = 512;
	char hash[16] = "SHA1";

	if (bits > 1)
		(void)snprintf(hash, sizeof(hash), "SHA%u", bits);
	assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, hash, NULL), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, hash, NULL), 1);
	assert_int_equal(EVP_PKEY_decrypt(ctx, ret_cek, &len, pending->encrypted_key.data, pending->encrypted_key.len),
		1);
	EVP_PKEY_CTX_free(ctx);
	return len;
}

static size_t unwrap_aes(const uint8_t *kek, unsigned bits, struct cek_bytes wrapped, uint8_t *ret_cek)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n, last;

	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	assert_int_equal(EVP_DecryptInit_ex(ctx,
				 bits == 128           ? EVP_aes_128_wrap()
					 : bits == 192 ? EVP_aes_192_wrap()
						       : EVP_aes_256_wrap(),
				 NULL, kek, NULL),
		1);
	assert_int_equal(EVP_DecryptUpdate(ctx, ret_cek, &n, wrapped.data, (int)wrapped.len), 1);
	assert_int_equal(EVP_DecryptFinal_ex(ctx, ret_cek + n, &last), 1);
	EVP_CIPHER_CTX_free(ctx);
	return (size_t)(n + last);
}

static size_t unwrap_ecdh(EVP_PKEY *pkey, const struct pending *pending, uint8_t *ret_cek)
{
	const struct jwe_header *header = &pending->header;
	EVP_PKEY *epk = pkey_from_public(&header->params.epk);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
	bool direct = header->alg->key_bits == 0;
	size_t len = direct ? header->enc->cek_len : header->alg->key_bits / 8, z_len = 66;
	uint8_t z[66], key[64];

	assert_non_null(epk);
	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, epk), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, z, &z_len), 1);
	assert_int_equal(pkey_concat_kdf((struct cek_bytes){z, z_len}, direct ? header->enc->name : header->alg->name,
				 header->params.apu, header->params.apv, len, direct ? ret_cek : key),
		0);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(epk);
	return direct ? len : unwrap_aes(key, header->alg->key_bits, pending->encrypted_key, ret_cek);
}

static void check_opens(const struct pair *pair, const char *token, const char *alg, const char *want)
{
	const char *algs[] = {alg, NULL};
	struct cek_jwe_policy policy = {.algs = algs, .encs = encs, .key = "k"};
	struct pending *pending = NULL;
	uint8_t cek[512];
	size_t len;
	cek_jwe *jwe = NULL;

	assert_int_equal(pending_new(&policy, token, strlen(token), &pending, NULL), CEK_JWE_OK);
	len = pending->header.alg->family == ALG_RSA_OAEP ? unwrap_rsa(pair->pkey, pending, cek)
							  : unwrap_ecdh(pair->pkey, pending, cek);
	assert_int_equal(pending_open(pending, (struct cek_bytes){cek, len}, "k", "v", false, &jwe), CEK_JWE_OK);
	assert_int_equal(cek_jwe_plaintext(jwe).len, strlen(want));
	assert_memory_equal(cek_jwe_plaintext(jwe).data, want, strlen(want));
	assert_string_equal(cek_jwe_kid(jwe), "the-kid");
	assert_string_equal(cek_jwe_cty(jwe), "JWT");
	cek_jwe_free(jwe);
	pending_free(pending);
}

static void check_alg(struct pair *pair, const char *alg)
{
	struct cek_jwe_params params = {.cty = "JWT", .apu = {"Alice", 5}};
	char *token = NULL;

	pair->jwk.kid = "the-kid";
	pair->jwk.alg = alg;
	for (size_t i = 0; encs[i]; i++) {
		params.enc = encs[i];
		assert_int_equal(cek_jwe_encrypt_to(&pair->jwk, &params, "inner token", 11, &token, NULL), CEK_JWE_OK);
		check_opens(pair, token, alg, "inner token");
		free(token);
	}
}

static void test_rsa(void **state)
{
	struct pair pair = {0};

	(void)state;
	make_rsa(&pair);
	for (size_t i = 0; alg_row(i); i++)
		if (alg_row(i)->family == ALG_RSA_OAEP)
			check_alg(&pair, alg_row(i)->name);
	EVP_PKEY_free(pair.pkey);
}

static void test_ecdh(void **state)
{
	(void)state;
	for (size_t c = 0; curve_row(c); c++) {
		struct pair pair = {0};

		make_curve(&pair, curve_row(c));
		for (size_t i = 0; alg_row(i); i++)
			if (alg_row(i)->family == ALG_ECDH)
				check_alg(&pair, alg_row(i)->name);
		EVP_PKEY_free(pair.pkey);
	}
}

static void check_refused(const struct cek_jwk *jwk, const char *alg, const char *enc, int code)
{
	struct cek_jwe_params params = {.alg = alg, .enc = enc};
	struct cek_jwe_error error;
	char *token = NULL;

	assert_int_equal(cek_jwe_encrypt_to(jwk, &params, "x", 1, &token, &error), code);
	assert_int_equal(error.code, code);
	assert_null(token);
}

static void test_refused(void **state)
{
	struct pair rsa = {0}, ec = {0};
	struct cek_jwk bad;
	uint8_t padded[256];

	(void)state;
	make_rsa(&rsa);
	make_curve(&ec, curve_find("P-256"));
	check_refused(&rsa.jwk, NULL, "A256GCM", CEK_JWE_MALFORMED); /* no alg at all */
	check_refused(&rsa.jwk, "RSA1_5", "A256GCM", CEK_JWE_POLICY);
	check_refused(&rsa.jwk, "A256KW", "A256GCM", CEK_JWE_POLICY);
	check_refused(&rsa.jwk, "unheard-of", "A256GCM", CEK_JWE_POLICY);
	check_refused(&rsa.jwk, "ECDH-ES", "A256GCM", CEK_JWE_MALFORMED);
	check_refused(&ec.jwk, "RSA-OAEP", "A256GCM", CEK_JWE_MALFORMED);
	check_refused(&ec.jwk, "ECDH-ES", "A256", CEK_JWE_POLICY);
	check_refused(&ec.jwk, "ECDH-ES", NULL, CEK_JWE_POLICY);
	memcpy(padded, rsa.jwk.public_key.n.data, sizeof(padded));
	padded[0] = 0; /* 256 octets, but 2040 bits at most */
	bad = rsa.jwk;
	bad.public_key.n = (struct cek_bytes){padded, sizeof(padded)};
	check_refused(&bad, "RSA-OAEP", "A256GCM", CEK_JWE_POLICY);
	bad.public_key.n = (struct cek_bytes){padded + 1, sizeof(padded) - 1};
	check_refused(&bad, "RSA-OAEP", "A256GCM", CEK_JWE_POLICY);
	bad = rsa.jwk;
	bad.public_key.e = (struct cek_bytes){"\1", 1}; /* would encrypt nothing */
	check_refused(&bad, "RSA-OAEP", "A256GCM", CEK_JWE_MALFORMED);
	ec.jwk.alg = "ECDH-ES";
	check_refused(&ec.jwk, "ECDH-ES+A128KW", "A256GCM", CEK_JWE_POLICY);
	bad = ec.jwk;
	bad.public_key.y = bad.public_key.x;
	check_refused(&bad, NULL, "A256GCM", CEK_JWE_MALFORMED);
	EVP_PKEY_free(rsa.pkey);
	EVP_PKEY_free(ec.pkey);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rsa),
		cmocka_unit_test(test_ecdh),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
