/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/client/cekctl/import/private_keys.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "client/cekctl/import/private_file.h"
#include "proto/alg.h"
#include "proto/base64url.h"

void set_number(json_t *jwk, const char *name, const EVP_PKEY *pkey, const char *param, size_t len)
{
	BIGNUM *number = NULL;
	uint8_t data[512];
	char *text;

	assert_true(EVP_PKEY_get_bn_param(pkey, param, &number));
	if (len == 0)
		len = (size_t)BN_num_bytes(number);
	assert_true(BN_bn2binpad(number, data, (int)len) > 0);
	text = b64u_text(data, len);
	json_object_set_new(jwk, name, json_string(text));
	free(text);
	BN_free(number);
}

json_t *rsa_jwk(const EVP_PKEY *pkey)
{
	json_t *jwk = json_pack("{s:s}", "kty", "RSA");

	set_number(jwk, "n", pkey, OSSL_PKEY_PARAM_RSA_N, 0);
	set_number(jwk, "e", pkey, OSSL_PKEY_PARAM_RSA_E, 0);
	set_number(jwk, "d", pkey, OSSL_PKEY_PARAM_RSA_D, 0);
	set_number(jwk, "p", pkey, OSSL_PKEY_PARAM_RSA_FACTOR1, 0);
	set_number(jwk, "q", pkey, OSSL_PKEY_PARAM_RSA_FACTOR2, 0);
	set_number(jwk, "dp", pkey, OSSL_PKEY_PARAM_RSA_EXPONENT1, 0);
	set_number(jwk, "dq", pkey, OSSL_PKEY_PARAM_RSA_EXPONENT2, 0);
	set_number(jwk, "qi", pkey, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, 0);
	return jwk;
}

json_t *ec_jwk(const EVP_PKEY *pkey, const char *crv, size_t len)
{
	json_t *jwk = json_pack("{s:s, s:s}", "kty", "EC", "crv", crv);

	set_number(jwk, "x", pkey, OSSL_PKEY_PARAM_EC_PUB_X, len);
	set_number(jwk, "y", pkey, OSSL_PKEY_PARAM_EC_PUB_Y, len);
	set_number(jwk, "d", pkey, OSSL_PKEY_PARAM_PRIV_KEY, len);
	return jwk;
}

json_t *x25519_jwk(const EVP_PKEY *pkey)
{
	uint8_t x[32], d[32];
	size_t x_len = sizeof(x), d_len = sizeof(d);
	char x_text[44] = "", d_text[44] = "";

	assert_true(EVP_PKEY_get_raw_public_key(pkey, x, &x_len) > 0);
	assert_true(EVP_PKEY_get_raw_private_key(pkey, d, &d_len) > 0);
	b64u_encode(x, x_len, x_text);
	b64u_encode(d, d_len, d_text);
	return json_pack("{s:s, s:s, s:s, s:s}", "kty", "OKP", "crv", "X25519", "x", x_text, "d", d_text);
}

int read_one(const char *data, size_t len, const char *alg, struct private_key *key, char why[PRIVATE_WHY])
{
	const struct private_wanted wanted = {.alg = alg_find(alg)};
	struct private_file file;
	int r = private_file_read(data, len, &wanted, &file, why);

	if (r < 0)
		return r;
	assert_int_equal(file.n, 1);
	*key = file.entries[0].key;
	file.entries[0].key.secret = NULL;
	private_file_deinit(&file);
	return 0;
}

int read_jwk(json_t *jwk, const char *alg, struct private_key *key, char why[PRIVATE_WHY])
{
	char *text = json_dumps(jwk, 0);
	int r = read_one(text, strlen(text), alg, key, why);

	free(text);
	json_decref(jwk);
	return r;
}

void refuse(json_t *jwk, const char *alg, const char *text)
{
	struct private_key key = {.kty = ""};
	char why[PRIVATE_WHY] = "";

	assert_int_equal(read_jwk(jwk, alg, &key, why), -EINVAL);
	if (!strstr(why, text))
		fail_msg("\"%s\" does not say \"%s\"", why, text);
	assert_null(key.secret);
}

json_t *with(json_t *jwk, const char *name, json_t *value)
{
	json_object_set_new(jwk, name, value);
	return jwk;
}

json_t *without(json_t *jwk, const char *name)
{
	json_object_del(jwk, name);
	return jwk;
}

int read_bio(BIO *bio, const char *alg, struct private_key *key, char why[PRIVATE_WHY])
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	return read_one(data, (size_t)len, alg, key, why);
}

void refuse_pem(EVP_PKEY *pkey, bool traditional, const char *text)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct private_key key = {.kty = ""};
	char why[PRIVATE_WHY] = "";

	assert_non_null(pkey);
	if (traditional)
		assert_true(PEM_write_bio_PrivateKey_traditional(bio, pkey, NULL, NULL, 0, NULL, NULL));
	else
		assert_true(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL));
	if (read_bio(bio, EVP_PKEY_is_a(pkey, "RSA") ? "RSA-OAEP" : "ECDH-ES", &key, why) != -EINVAL)
		fail_msg("what should be refused with \"%s\" was read", text);
	if (!strstr(why, text))
		fail_msg("\"%s\" does not say \"%s\"", why, text);
	assert_null(key.secret);
	BIO_free(bio);
}

void refuse_pem_once(EVP_PKEY *pkey, const char *text)
{
	refuse_pem(pkey, false, text);
	EVP_PKEY_free(pkey);
}

static size_t used_by_openssl;

/* OpenSSL's random generators live in the secure heap as well: they are there before we count. */
int private_keys_set_up(void **state)
{
	uint8_t random;
	int r = private_key_setup();

	if (r == 0)
		r = RAND_bytes(&random, 1) > 0 && RAND_priv_bytes(&random, 1) > 0 ? 0 : -1;
	used_by_openssl = CRYPTO_secure_used();
	return r;
}

int private_keys_tear_down(void **state)
{
	return CRYPTO_secure_used() == used_by_openssl ? 0 : -1;
}
