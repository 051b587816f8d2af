/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/import/private_check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

#include "client/cekctl/import/rsa_parts.h"

/* A part that is there and not zero. */
static bool has_number(const EVP_PKEY *pkey, const char *param)
{
	BIGNUM *number = NULL;
	bool has = EVP_PKEY_get_bn_param(pkey, param, &number) > 0 && !BN_is_zero(number);

	BN_clear_free(number);
	return has;
}

/* RFC 8017 section 3.2 wants d below n. OpenSSL does not look, since it computes with the other parts. */
static bool is_smaller(const EVP_PKEY *pkey, const char *param, const char *than)
{
	BIGNUM *number = NULL, *limit = NULL;
	bool smaller = EVP_PKEY_get_bn_param(pkey, param, &number) > 0 &&
		EVP_PKEY_get_bn_param(pkey, than, &limit) > 0 && BN_cmp(number, limit) < 0;

	BN_clear_free(number);
	BN_free(limit);
	return smaller;
}

static int check_rsa(const EVP_PKEY *pkey, char why[PRIVATE_WHY])
{
	if (has_number(pkey, OSSL_PKEY_PARAM_RSA_FACTOR3))
		return private_refuse(why, "RSA keys of more than two primes are not supported");
	for (size_t i = 0; i < RSA_PARTS; i++)
		if (!has_number(pkey, rsa_parts[i].param))
			return private_refuse(why, "the RSA key has no %s: a private key is needed, with all its parts",
				rsa_parts[i].member);
	if (!is_smaller(pkey, OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_N))
		return private_refuse(why, "not a valid key: d is not smaller than n");
	return 0;
}

/* Parameters spelled out are another curve's until proven otherwise, and would go into the token as they are. */
static int check_ec(const EVP_PKEY *pkey, char why[PRIVATE_WHY])
{
	int is_explicit = 0;

	if (EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) > 0 &&
		is_explicit)
		return private_refuse(why, "the EC key spells its curve's parameters out: name the curve instead");
	return 0;
}

/* OpenSSL's own reasons name the parts: "n does not equal p q", "dmp1 not congruent to d", "p not prime". */
static int check_parts(EVP_PKEY *pkey, char why[PRIVATE_WHY])
{
	EVP_PKEY_CTX *ctx;
	const char *reason;
	int r = 0;

	ERR_clear_error();
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	if (!ctx || EVP_PKEY_check(ctx) <= 0) {
		reason = ERR_reason_error_string(ERR_peek_error());
		r = private_refuse(why, "not a valid key: %s", reason ? reason : "its parts do not belong together");
	}
	EVP_PKEY_CTX_free(ctx);
	return r;
}

int private_check(EVP_PKEY *pkey, char why[PRIVATE_WHY])
{
	int r = EVP_PKEY_is_a(pkey, "RSA") ? check_rsa(pkey, why) : EVP_PKEY_is_a(pkey, "EC") ? check_ec(pkey, why) : 0;

	return r < 0 ? r : check_parts(pkey, why);
}
