/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/import/private_jwk.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>

#include "client/cekctl/import/rsa_crt.h"
#include "client/cekctl/import/rsa_parts.h"
#include "proto/base64url.h"

enum { OCTETS_MAX = RSA_BITS_MAX / 8, X25519_LEN = 32 };

static const char *text_of(const json_t *jwk, const char *name)
{
	const char *text = json_string_value(json_object_get(jwk, name));

	return text ? text : "";
}

int private_jwk_octets(const json_t *jwk, const char *name, uint8_t *data, size_t size, char why[PRIVATE_WHY])
{
	const json_t *member = json_object_get(jwk, name);
	ssize_t n;

	if (!json_is_string(member))
		return private_refuse(why, "the JWK has no \"%s\": a private key is needed, with all its members",
			name);
	n = b64u_decode(json_string_value(member), json_string_length(member), data, size);
	if (n <= 0)
		return private_refuse(why, "\"%s\" is %s", name, n == -EMSGSIZE ? "too long" : "not base64url");
	return (int)n;
}

/* The same as a number in the secure heap. len 0: any length without leading zeros (RFC 7518 section 6.3), otherwise
 * that many octets (section 6.2). */
static BIGNUM *number_of(const json_t *jwk, const char *name, size_t len, char why[PRIVATE_WHY])
{
	uint8_t *data = OPENSSL_secure_malloc(OCTETS_MAX);
	BIGNUM *number = NULL;
	int n = data ? private_jwk_octets(jwk, name, data, OCTETS_MAX, why) : private_refuse(why, "out of memory");

	if (n > 0 && (len ? (size_t)n != len : data[0] == 0))
		private_refuse(why, "\"%s\" has a wrong length", name);
	else if (n > 0)
		number = BN_bin2bn(data, n, BN_secure_new());
	OPENSSL_secure_clear_free(data, OCTETS_MAX);
	return number;
}

/* Make the key. Whether its parts belong together is checked for keys of every origin. */
static EVP_PKEY *build(const char *type, OSSL_PARAM_BLD *builder, char why[PRIVATE_WHY])
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (!params || !make || EVP_PKEY_fromdata_init(make) <= 0 ||
		EVP_PKEY_fromdata(make, &pkey, EVP_PKEY_KEYPAIR, params) <= 0) {
		private_refuse(why, "the members of the JWK do not make a valid key");
		pkey = NULL;
	}
	EVP_PKEY_CTX_free(make);
	OSSL_PARAM_free(params);
	return pkey;
}

/* RFC 7518 section 6.3.2: d alone, or all of them. */
static bool is_minimal(const json_t *jwk)
{
	for (size_t i = RSA_TOLD; i < RSA_PARTS; i++)
		if (json_object_get(jwk, rsa_parts[i].member))
			return false;
	return true;
}

static bool compute_rest(BIGNUM *number[RSA_PARTS], char why[PRIVATE_WHY])
{
	struct rsa_crt crt;
	int r = rsa_crt_find(number[0], number[1], number[2], &crt);

	if (r < 0) {
		private_refuse(why, "%s",
			r == -ENOMEM ? "out of locked memory"
				     : "not a valid key: no two primes follow from its \"n\", \"e\" and \"d\"");
		return false;
	}
	number[3] = crt.p;
	number[4] = crt.q;
	number[5] = crt.dp;
	number[6] = crt.dq;
	number[7] = crt.qi;
	return true;
}

static EVP_PKEY *read_rsa(const json_t *jwk, char why[PRIVATE_WHY])
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *number[RSA_PARTS] = {NULL};
	const bool minimal = is_minimal(jwk);
	EVP_PKEY *pkey = NULL;
	bool good = builder != NULL;

	if (json_object_get(jwk, "oth")) {
		private_refuse(why, "RSA keys of more than two primes (\"oth\") are not supported");
		good = false;
	}
	for (size_t i = 0; good && i < (minimal ? RSA_TOLD : RSA_PARTS); i++) {
		number[i] = number_of(jwk, rsa_parts[i].member, 0, why);
		good = number[i] != NULL;
	}
	/* OpenSSL 3.5 makes no key of it and does not say why. */
	if (good && BN_cmp(number[2], number[0]) >= 0) {
		private_refuse(why, "not a valid key: d is not smaller than n");
		good = false;
	}
	if (good && minimal)
		good = compute_rest(number, why);
	for (size_t i = 0; good && i < RSA_PARTS; i++)
		good = OSSL_PARAM_BLD_push_BN(builder, rsa_parts[i].param, number[i]);
	if (good)
		pkey = build("RSA", builder, why);
	for (size_t i = 0; i < RSA_PARTS; i++)
		BN_clear_free(number[i]);
	OSSL_PARAM_BLD_free(builder);
	return pkey;
}

static const char *group_name(const char *crv)
{
	return strcmp(crv, "P-256") == 0 ? "prime256v1" : strcmp(crv, "P-384") == 0 ? "secp384r1" : "secp521r1";
}

static EVP_PKEY *read_ec(const json_t *jwk, const struct curve *curve, char why[PRIVATE_WHY])
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *d = number_of(jwk, "d", curve->field_len, why);
	size_t len = curve->field_len;
	uint8_t point[1 + 2 * 66] = {4};
	EVP_PKEY *pkey = NULL;

	if (builder && d) {
		int x = private_jwk_octets(jwk, "x", point + 1, len, why);
		int y = x < 0 ? x : private_jwk_octets(jwk, "y", point + 1 + len, len, why);

		if (x > 0 && y > 0 && ((size_t)x != len || (size_t)y != len))
			private_refuse(why, "\"x\" or \"y\" has a wrong length");
		else if (x > 0 && y > 0 &&
			OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group_name(curve->name),
				0) &&
			OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * len) &&
			OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, d))
			pkey = build("EC", builder, why);
	}
	BN_clear_free(d);
	OSSL_PARAM_BLD_free(builder);
	return pkey;
}

/* RFC 8037 section 2: no leading zero is left out. */
static bool fixed_octets(const json_t *jwk, const char *name, uint8_t data[X25519_LEN], char why[PRIVATE_WHY])
{
	int n = private_jwk_octets(jwk, name, data, X25519_LEN, why);

	if (n > 0 && n != X25519_LEN)
		private_refuse(why, "\"%s\" has a wrong length", name);
	return n == X25519_LEN;
}

static EVP_PKEY *read_x25519(const json_t *jwk, char why[PRIVATE_WHY])
{
	uint8_t x[X25519_LEN], derived[X25519_LEN], *d = OPENSSL_secure_malloc(X25519_LEN);
	size_t len = sizeof(derived);
	EVP_PKEY *pkey = NULL;

	if (d && fixed_octets(jwk, "d", d, why) && fixed_octets(jwk, "x", x, why)) {
		pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL, d, X25519_LEN);
		if (!pkey || EVP_PKEY_get_raw_public_key(pkey, derived, &len) <= 0 ||
			memcmp(derived, x, sizeof(x)) != 0) {
			private_refuse(why, "the members of the JWK do not make a valid key");
			EVP_PKEY_free(pkey);
			pkey = NULL;
		}
	}
	OPENSSL_secure_clear_free(d, X25519_LEN);
	return pkey;
}

static int read_oct(const json_t *jwk, const struct alg *alg, struct private_key *ret_key, char why[PRIVATE_WHY])
{
	uint8_t *octets = OPENSSL_secure_malloc(CEK_LEN_MAX);
	int n = octets ? private_jwk_octets(jwk, "k", octets, CEK_LEN_MAX, why)
		       : private_refuse(why, "out of locked memory");

	if (n > 0)
		n = private_key_of_octets(octets, (size_t)n, alg, ret_key, why);
	OPENSSL_secure_clear_free(octets, CEK_LEN_MAX);
	return n;
}

int private_jwk_read(const json_t *jwk, const struct alg *alg, struct private_key *ret_key, char why[PRIVATE_WHY])
{
	const char *kty = text_of(jwk, "kty");
	const struct curve *curve = curve_find(text_of(jwk, "crv"));
	EVP_PKEY *pkey;

	private_refuse(why, "out of memory");
	if (strcmp(kty, "oct") == 0)
		return read_oct(jwk, alg, ret_key, why);
	if (strcmp(kty, "RSA") == 0)
		pkey = read_rsa(jwk, why);
	else
		pkey = strcmp(kty, "EC") == 0 ? read_ec(jwk, curve, why) : read_x25519(jwk, why);
	return private_key_of(pkey, alg, ret_key, why);
}
