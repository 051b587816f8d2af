/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/import/private_check.c: keys that are well written and not what they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "proto/base64url.h"
#include "tests/unit/client/cekctl/import/private_keys.h"

static EVP_PKEY *rsa_of_primes(unsigned bits, int primes)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *pkey = NULL;

	assert_true(EVP_PKEY_keygen_init(ctx) > 0 && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, primes) > 0 && EVP_PKEY_keygen(ctx, &pkey) > 0);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static void test_more_primes(void **state)
{
	for (int primes = 3; primes <= 4; primes++) { /* of OpenSSL's making three fit into 2048 bits, four into 4096 */
		EVP_PKEY *pkey = rsa_of_primes(primes == 3 ? 2048 : 4096, primes);

		refuse_pem(pkey, true, "two primes");
		refuse_pem(pkey, false, "two primes");
		EVP_PKEY_free(pkey);
	}
}

/* A copy of an RSA key with one part changed by a number that keeps it odd and of its length. */
static EVP_PKEY *rsa_with(const EVP_PKEY *pkey, const char *part, BN_ULONG more)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *changed = NULL;
	OSSL_PARAM *params;
	BIGNUM *number = NULL;
	OSSL_PARAM *param;

	assert_true(EVP_PKEY_todata(pkey, EVP_PKEY_KEYPAIR, &params));
	param = OSSL_PARAM_locate(params, part);
	assert_non_null(param);
	assert_true(OSSL_PARAM_get_BN(param, &number) && BN_add_word(number, more));
	assert_true(OSSL_PARAM_set_BN(param, number));
	assert_true(EVP_PKEY_fromdata_init(ctx) > 0 && EVP_PKEY_fromdata(ctx, &changed, EVP_PKEY_KEYPAIR, params) > 0);
	BN_free(number);
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return changed;
}

static void test_parts(void **state)
{
	static const struct {
		const char *part, *text;
	} parts[] = {
		{OSSL_PKEY_PARAM_RSA_N, "n does not equal p q"},
		{OSSL_PKEY_PARAM_RSA_D, "d e not congruent to 1"},
		{OSSL_PKEY_PARAM_RSA_FACTOR1, "p"},
		{OSSL_PKEY_PARAM_RSA_FACTOR2, "q"},
		{OSSL_PKEY_PARAM_RSA_EXPONENT1, "dmp1"},
		{OSSL_PKEY_PARAM_RSA_EXPONENT2, "dmq1"},
		{OSSL_PKEY_PARAM_RSA_COEFFICIENT1, "iqmp"},
	};
	EVP_PKEY *pkey = EVP_RSA_gen(2048);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		refuse_pem_once(rsa_with(pkey, parts[i].part, 2), parts[i].text);
	refuse_pem_once(rsa_with(pkey, OSSL_PKEY_PARAM_RSA_E, 1), "bad e value");
	EVP_PKEY_free(pkey);
}

/* d of another multiple of lcm(p-1, q-1) still decrypts, but is no d of RFC 8017. */
static void test_large_d(void **state)
{
	EVP_PKEY *pkey = EVP_RSA_gen(2048);
	BIGNUM *d = NULL, *p = NULL, *q = NULL;
	BN_CTX *ctx = BN_CTX_new();
	json_t *jwk = rsa_jwk(pkey);
	uint8_t data[512];
	char *text;
	int len;

	assert_true(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_D, &d));
	assert_true(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_FACTOR1, &p));
	assert_true(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_FACTOR2, &q));
	assert_true(
		BN_sub_word(p, 1) && BN_sub_word(q, 1) && BN_mul(p, p, q, ctx) && BN_lshift1(p, p) && BN_add(d, d, p));
	len = BN_bn2bin(d, data);
	text = b64u_text(data, (size_t)len);
	refuse(with(jwk, "d", json_string(text)), "RSA-OAEP", "d is not smaller than n");
	free(text);
	BN_free(d);
	BN_free(p);
	BN_free(q);
	BN_CTX_free(ctx);
	EVP_PKEY_free(pkey);
}

static EVP_PKEY *ec_explicit(void)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");

	assert_true(EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT));
	return pkey;
}

static EVP_PKEY *of_type(const char *type)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	assert_true(EVP_PKEY_keygen_init(ctx) > 0 && EVP_PKEY_keygen(ctx, &pkey) > 0);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static void test_other_types(void **state)
{
	refuse_pem_once(of_type("RSA-PSS"), "RSA-PSS");
	refuse_pem_once(of_type("ED25519"), "ED25519");
	refuse_pem_once(of_type("X448"), "X448");
	refuse_pem_once(EVP_EC_gen("secp256k1"), "P-256");
	refuse_pem_once(EVP_EC_gen("P-224"), "P-256");
	refuse_pem_once(ec_explicit(), "name the curve");
	refuse_pem_once(EVP_RSA_gen(1024), "2048");
	refuse_pem_once(EVP_RSA_gen(4104), "4096");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_more_primes),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_large_d),
		cmocka_unit_test(test_other_types),
	};

	return cmocka_run_group_tests(tests, private_keys_set_up, private_keys_tear_down);
}
