/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/import/rsa_crt.c: the primes of many keys come out as OpenSSL made them, for d of either modulus; what
 * is no key of two primes is refused at once. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "client/cekctl/import/rsa_crt.h"
#include "tests/unit/client/cekctl/import/private_keys.h"

enum { SMALL_KEYS = 200 };

static EVP_PKEY *make(unsigned bits, unsigned long exponent, int primes)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *e = BN_new();
	EVP_PKEY *pkey = NULL;

	assert_true(BN_set_word(e, exponent));
	assert_true(EVP_PKEY_keygen_init(ctx) > 0 && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) > 0);
	assert_true(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, primes) > 0);
	assert_true(EVP_PKEY_keygen(ctx, &pkey) > 0);
	EVP_PKEY_CTX_free(ctx);
	BN_free(e);
	return pkey;
}

static BIGNUM *part(const EVP_PKEY *pkey, const char *name)
{
	BIGNUM *number = NULL;

	assert_true(EVP_PKEY_get_bn_param(pkey, name, &number));
	return number;
}

/* d of the other modulus: (p - 1)(q - 1) instead of their least common multiple, or the reverse. */
static BIGNUM *other_d(const EVP_PKEY *pkey, bool product)
{
	BIGNUM *e = part(pkey, OSSL_PKEY_PARAM_RSA_E), *p = part(pkey, OSSL_PKEY_PARAM_RSA_FACTOR1);
	BIGNUM *q = part(pkey, OSSL_PKEY_PARAM_RSA_FACTOR2), *gcd = BN_new(), *d = BN_new();
	BN_CTX *ctx = BN_CTX_new();

	assert_true(BN_sub_word(p, 1) && BN_sub_word(q, 1) && BN_gcd(gcd, p, q, ctx) && BN_mul(p, p, q, ctx));
	if (!product)
		assert_true(BN_div(p, NULL, p, gcd, ctx));
	assert_non_null(BN_mod_inverse(d, e, p, ctx));
	BN_CTX_free(ctx);
	BN_free(e);
	BN_free(p);
	BN_free(q);
	BN_free(gcd);
	return d;
}

static void expect_part(const EVP_PKEY *pkey, const char *name, const BIGNUM *number)
{
	BIGNUM *wanted = part(pkey, name);

	if (BN_cmp(wanted, number) != 0)
		fail_msg("%s is another", name);
	BN_free(wanted);
}

/* OpenSSL's p is the larger prime. */
static void expect_found(const EVP_PKEY *pkey, const BIGNUM *d)
{
	BIGNUM *n = part(pkey, OSSL_PKEY_PARAM_RSA_N), *e = part(pkey, OSSL_PKEY_PARAM_RSA_E);
	struct rsa_crt crt;

	assert_int_equal(rsa_crt_find(n, e, d, &crt), 0);
	expect_part(pkey, OSSL_PKEY_PARAM_RSA_FACTOR1, crt.p);
	expect_part(pkey, OSSL_PKEY_PARAM_RSA_FACTOR2, crt.q);
	expect_part(pkey, OSSL_PKEY_PARAM_RSA_EXPONENT1, crt.dp);
	expect_part(pkey, OSSL_PKEY_PARAM_RSA_EXPONENT2, crt.dq);
	expect_part(pkey, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, crt.qi);
	rsa_crt_deinit(&crt);
	BN_free(n);
	BN_free(e);
}

static void expect_all(EVP_PKEY *pkey)
{
	BIGNUM *product = other_d(pkey, true), *multiple = other_d(pkey, false);

	expect_found(pkey, product);
	expect_found(pkey, multiple);
	BN_free(product);
	BN_free(multiple);
	EVP_PKEY_free(pkey);
}

static void test_many(void **state)
{
	for (int i = 0; i < SMALL_KEYS; i++) /* small ones are quickly made, and no size is treated in its own way */
		expect_all(make(512 + 8 * (unsigned)(i % 64), i % 3 == 0 ? 3 : i % 3 == 1 ? 17 : 65537, 2));
}

static void test_sizes(void **state)
{
	static const unsigned bits[] = {2048, 2049, 2050, 2056, 3072};

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		expect_all(make(bits[i], 65537, 2));
	expect_all(make(2048, 0xfffffffffffffffbUL, 2));
}

static void refuse_numbers(const BIGNUM *n, const BIGNUM *e, const BIGNUM *d)
{
	struct rsa_crt crt;

	assert_int_equal(rsa_crt_find(n, e, d, &crt), -EINVAL);
}

static void test_refused(void **state)
{
	EVP_PKEY *pkey = EVP_RSA_gen(2048), *multi = make(2048, 65537, 3);
	BIGNUM *n = part(pkey, OSSL_PKEY_PARAM_RSA_N), *e = part(pkey, OSSL_PKEY_PARAM_RSA_E);
	BIGNUM *d = part(pkey, OSSL_PKEY_PARAM_RSA_D), *number = BN_new(), *square = BN_new();
	BIGNUM *multi_n = part(multi, OSSL_PKEY_PARAM_RSA_N), *multi_d = part(multi, OSSL_PKEY_PARAM_RSA_D);
	BN_CTX *ctx = BN_CTX_new();

	for (BN_ULONG wrong = 1; wrong <= 64; wrong++) {
		assert_true(BN_copy(number, d) && BN_add_word(number, wrong));
		refuse_numbers(n, e, number);
	}
	for (BN_ULONG wrong = 0; wrong <= 16; wrong++) { /* d of no length to speak of; that of e = 1 is 1 */
		assert_true(BN_set_word(number, wrong));
		refuse_numbers(n, e, number);
	}
	refuse_numbers(n, BN_value_one(), BN_value_one());
	assert_true(BN_copy(number, e) && BN_sub_word(number, 1));
	refuse_numbers(n, number, d); /* e even */
	assert_true(BN_copy(number, n) && BN_sub_word(number, 1));
	refuse_numbers(number, e, d);
	refuse_numbers(n, e, n); /* d not below n */
	assert_true(BN_sub_word(number, 1));
	refuse_numbers(n, e, number);
	refuse_numbers(multi_n, e, multi_d);
	assert_true(BN_rshift(number, n, 1024) && BN_set_bit(number, 0) && BN_sqr(square, number, ctx));
	refuse_numbers(square, e, d); /* p = q */
	assert_true(BN_set_word(number, 1) && BN_lshift(number, number, 64) && BN_set_bit(number, 0));
	refuse_numbers(n, number, d); /* 65 bits */
	BN_CTX_free(ctx);
	BN_free(n);
	BN_free(e);
	BN_free(d);
	BN_free(number);
	BN_free(square);
	BN_free(multi_n);
	BN_free(multi_d);
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(multi);
}

static json_t *minimal(const EVP_PKEY *pkey)
{
	static const char *const computed[] = {"p", "q", "dp", "dq", "qi"};
	json_t *jwk = rsa_jwk(pkey);

	for (size_t i = 0; i < sizeof(computed) / sizeof(computed[0]); i++)
		json_object_del(jwk, computed[i]);
	return jwk;
}

static void test_jwk(void **state)
{
	EVP_PKEY *pkey = EVP_RSA_gen(2048), *other = EVP_RSA_gen(2048), *multi = make(2048, 65537, 3);
	struct private_key key = {.kty = ""}, full = {.kty = ""};
	char why[PRIVATE_WHY] = "";
	json_t *mixed = minimal(pkey);

	assert_int_equal(read_jwk(minimal(pkey), "RSA-OAEP", &key, why), 0);
	assert_int_equal(read_jwk(rsa_jwk(pkey), "RSA-OAEP", &full, why), 0);
	assert_int_equal(key.secret_len, full.secret_len);
	assert_memory_equal(key.secret, full.secret, key.secret_len);
	private_key_deinit(&key);
	private_key_deinit(&full);
	set_number(mixed, "d", other, OSSL_PKEY_PARAM_RSA_D, 0);
	refuse(mixed, "RSA-OAEP", "no two primes");
	refuse(minimal(multi), "RSA-OAEP", "no two primes");
	refuse(with(minimal(pkey), "oth", json_array()), "RSA-OAEP", "two primes");
	refuse(with(minimal(pkey), "e", json_string("AQAA")), "RSA-OAEP", "no two primes");
	refuse(without(minimal(pkey), "d"), "RSA-OAEP", "\"d\"");
	refuse(without(minimal(pkey), "e"), "RSA-OAEP", "\"e\"");
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(other);
	EVP_PKEY_free(multi);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_jwk),
	};

	return cmocka_run_group_tests(tests, private_keys_set_up, private_keys_tear_down);
}
