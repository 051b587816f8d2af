/* SPDX-License-Identifier: Apache-2.0 */
/* make_jwt.h */
#include "tests/unit/client/jose/jwt/make_jwt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "proto/base64url.h"

enum { KEYS_MAX = 16, SIGNATURE_MAX = 1024 };

static struct {
	char alg[8];
	unsigned bits;
	EVP_PKEY *pkey;
} made[KEYS_MAX];

static EVP_PKEY *generate(const char *alg, unsigned bits)
{
	if (alg[0] == 'R' || alg[0] == 'P')
		return EVP_RSA_gen(bits);
	if (strcmp(alg, "ES256") == 0)
		return EVP_EC_gen("P-256");
	if (strcmp(alg, "ES384") == 0)
		return EVP_EC_gen("P-384");
	if (strcmp(alg, "ES512") == 0)
		return EVP_EC_gen("P-521");
	if (strcmp(alg, "ES256K") == 0)
		return EVP_EC_gen("secp256k1");
	return EVP_PKEY_Q_keygen(NULL, NULL, strcmp(alg, "Ed448") == 0 ? "ED448" : "ED25519");
}

EVP_PKEY *jwt_key(const char *alg, unsigned rsa_bits)
{
	unsigned bits = rsa_bits > 0 ? rsa_bits : 2048;
	size_t i = 0;

	while (i < KEYS_MAX && made[i].pkey && (strcmp(made[i].alg, alg) != 0 || made[i].bits != bits))
		i++;
	assert_true(i < KEYS_MAX);
	if (!made[i].pkey) {
		(void)snprintf(made[i].alg, sizeof(made[i].alg), "%s", alg);
		made[i].bits = bits;
		made[i].pkey = generate(alg, bits);
		assert_non_null(made[i].pkey);
	}
	return made[i].pkey;
}

__attribute__((destructor)) static void drop_keys(void)
{
	for (size_t i = 0; i < KEYS_MAX; i++)
		EVP_PKEY_free(made[i].pkey);
}

/* ---- JWK --------------------------------------------------------------------------------------------------------- */

/* A number in as many octets as it has, or in len. */
static char *number(EVP_PKEY *pkey, const char *name, int len)
{
	uint8_t octets[SIGNATURE_MAX];
	BIGNUM *bn = NULL;
	int n;

	assert_int_equal(EVP_PKEY_get_bn_param(pkey, name, &bn), 1);
	n = BN_bn2binpad(bn, octets, len > 0 ? len : BN_num_bytes(bn));
	assert_true(n > 0);
	BN_free(bn);
	return b64u_text(octets, (size_t)n);
}

static char *ec_jwk(EVP_PKEY *pkey, const char *members)
{
	int len = (EVP_PKEY_get_bits(pkey) + 7) / 8;
	char *x = number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, len), *y = number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, len), *jwk;
	char group[32];

	assert_int_equal(EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL), 1);
	assert_true(asprintf(&jwk, "{%s\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}", members,
			    EVP_PKEY_get_bits(pkey) == 384            ? "P-384"
				    : EVP_PKEY_get_bits(pkey) == 521  ? "P-521"
				    : strcmp(group, "secp256k1") == 0 ? "secp256k1"
								      : "P-256",
			    x, y) > 0);
	free(x);
	free(y);
	return jwk;
}

static char *okp_jwk(EVP_PKEY *pkey, const char *members)
{
	uint8_t octets[64];
	size_t len = sizeof(octets);
	char *x, *jwk;

	assert_int_equal(EVP_PKEY_get_raw_public_key(pkey, octets, &len), 1);
	x = b64u_text(octets, len);
	assert_true(asprintf(&jwk, "{%s\"kty\":\"OKP\",\"crv\":\"%s\",\"x\":\"%s\"}", members,
			    len == 57 ? "Ed448" : "Ed25519", x) > 0);
	free(x);
	return jwk;
}

char *jwt_jwk(EVP_PKEY *pkey, const char *members)
{
	char *n, *e, *jwk;

	if (EVP_PKEY_is_a(pkey, "EC"))
		return ec_jwk(pkey, members);
	if (!EVP_PKEY_is_a(pkey, "RSA"))
		return okp_jwk(pkey, members);
	n = number(pkey, OSSL_PKEY_PARAM_RSA_N, 0);
	e = number(pkey, OSSL_PKEY_PARAM_RSA_E, 0);
	assert_true(asprintf(&jwk, "{%s\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", members, n, e) > 0);
	free(n);
	free(e);
	return jwk;
}

/* ---- signatures -------------------------------------------------------------------------------------------------- */

static const EVP_MD *hash_of(const char *alg)
{
	if (alg[0] == 'E' && alg[1] == 'd')
		return NULL;
	return strstr(alg, "512") ? EVP_sha512() : strstr(alg, "384") ? EVP_sha384() : EVP_sha256();
}

static size_t hmac(EVP_PKEY *pkey, const char *text, uint8_t *ret_signature)
{
	BIO *bio = BIO_new(BIO_s_mem());
	unsigned len = 0;
	char *pem;
	long n;

	assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
	n = BIO_get_mem_data(bio, &pem);
	assert_non_null(HMAC(EVP_sha256(), pem, (int)n, (const uint8_t *)text, strlen(text), ret_signature, &len));
	BIO_free(bio);
	return len;
}

static size_t to_raw(EVP_PKEY *pkey, uint8_t *signature, size_t len)
{
	const uint8_t *der = signature;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	int half = (EVP_PKEY_get_bits(pkey) + 7) / 8;

	assert_non_null(sig);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature, half), half);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), signature + half, half), half);
	ECDSA_SIG_free(sig);
	return 2 * (size_t)half;
}

static size_t sign(EVP_PKEY *pkey, const char *alg, const char *text, uint8_t *ret_signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = SIGNATURE_MAX;
	EVP_PKEY_CTX *pctx;

	assert_int_equal(EVP_DigestSignInit(ctx, &pctx, hash_of(alg), NULL, pkey), 1);
	if (alg[0] == 'P') {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	assert_int_equal(EVP_DigestSign(ctx, ret_signature, &len, (const uint8_t *)text, strlen(text)), 1);
	EVP_MD_CTX_free(ctx);
	return EVP_PKEY_is_a(pkey, "EC") ? to_raw(pkey, ret_signature, len) : len;
}

char *jwt_sign_octets(EVP_PKEY *pkey, const char *alg, const void *header, size_t header_len, const void *payload,
	size_t payload_len)
{
	char *one = b64u_text(header, header_len), *two = b64u_text(payload, payload_len), *three, *text, *token;
	uint8_t signature[SIGNATURE_MAX];
	size_t len = 0;

	assert_true(asprintf(&text, "%s.%s", one, two) > 0);
	if (strcmp(alg, "HS256") == 0)
		len = hmac(pkey, text, signature);
	else if (strcmp(alg, "none") != 0)
		len = sign(pkey, alg, text, signature);
	three = b64u_text(signature, len);
	assert_true(asprintf(&token, "%s.%s", text, three) > 0);
	free(one);
	free(two);
	free(three);
	free(text);
	return token;
}

char *jwt_sign(EVP_PKEY *pkey, const char *alg, const char *header, const char *payload)
{
	return jwt_sign_octets(pkey, alg, header, strlen(header), payload, strlen(payload));
}
