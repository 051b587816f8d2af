/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/import/private_key.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "client/cekctl/import/private_check.h"
#include "client/cekctl/import/wiping_heap.h"

enum { HEAP_BYTES = 4 << 20, HEAP_SMALLEST = 32, RSA_MIN = RSA_BITS_MIN / 8 };

int private_key_setup(void)
{
	wiping_heap_setup();
	return CRYPTO_secure_malloc_init(HEAP_BYTES, HEAP_SMALLEST) > 0 ? 0 : -ENOMEM;
}

/* The octets of a number, without leading zeros. */
static size_t number_octets(const EVP_PKEY *pkey, const char *param, uint8_t *data, size_t size)
{
	BIGNUM *number = NULL;
	size_t n = 0;

	if (EVP_PKEY_get_bn_param(pkey, param, &number) && (size_t)BN_num_bytes(number) <= size)
		n = (size_t)BN_bn2bin(number, data);
	BN_free(number);
	return n;
}

static int rsa_public(const EVP_PKEY *pkey, struct private_key *key, char why[PRIVATE_WHY])
{
	strcpy(key->kty, "RSA");
	key->n_len = number_octets(pkey, OSSL_PKEY_PARAM_RSA_N, key->n, sizeof(key->n));
	key->e_len = number_octets(pkey, OSSL_PKEY_PARAM_RSA_E, key->e, sizeof(key->e));
	if (EVP_PKEY_get_bits(pkey) < RSA_BITS_MIN)
		return private_refuse(why, "RSA keys below 2048 bits are refused");
	if (key->n_len == 0 || key->e_len == 0)
		return private_refuse(why, "RSA keys above 4096 bits, or with a large exponent, are not supported");
	return 0;
}

static int ec_public(const EVP_PKEY *pkey, struct private_key *key, char why[PRIVATE_WHY])
{
	static const struct {
		const char *group, *crv;
	} groups[] = {{"prime256v1", "P-256"}, {"secp384r1", "P-384"}, {"secp521r1", "P-521"}};
	uint8_t point[1 + 2 * 66];
	char name[32];
	size_t len;

	strcpy(key->kty, "EC");
	if (!EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof(name), &len))
		return private_refuse(why, "the EC key names no curve");
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strcmp(groups[i].group, name) == 0)
			key->crv = groups[i].crv;
	if (!key->crv)
		return private_refuse(why, "the EC key is on none of P-256, P-384 and P-521");
	if (!EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len) ||
		point[0] != 4)
		return private_refuse(why, "the EC key has no uncompressed public point");
	key->x_len = key->y_len = (len - 1) / 2;
	memcpy(key->x, point + 1, key->x_len);
	memcpy(key->y, point + 1 + key->x_len, key->y_len);
	return 0;
}

static int unknown_type(const EVP_PKEY *pkey, char why[PRIVATE_WHY])
{
	const char *type = EVP_PKEY_get0_type_name(pkey);

	return private_refuse(why, "the key is of type %s, none of RSA, EC and X25519", type ? type : "unknown");
}

static int public_of(const EVP_PKEY *pkey, struct private_key *key, char why[PRIVATE_WHY])
{
	if (EVP_PKEY_is_a(pkey, "RSA"))
		return rsa_public(pkey, key, why);
	if (EVP_PKEY_is_a(pkey, "EC"))
		return ec_public(pkey, key, why);
	if (EVP_PKEY_is_a(pkey, "RSA-PSS"))
		return private_refuse(why, "the key is of type RSA-PSS, which signs and does not decrypt");
	if (!EVP_PKEY_is_a(pkey, "X25519"))
		return unknown_type(pkey, why);
	strcpy(key->kty, "OKP");
	key->crv = "X25519";
	key->x_len = sizeof(key->x);
	if (EVP_PKEY_get_raw_public_key(pkey, key->x, &key->x_len) <= 0)
		return private_refuse(why, "the key has no public half");
	return 0;
}

/* PrivateKeyInfo (RFC 5208) into the secure heap. */
static int private_of(const EVP_PKEY *pkey, struct private_key *key, char why[PRIVATE_WHY])
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	int len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1;
	uint8_t *to;

	if (len > 0 && len <= PRIVATE_DER_MAX)
		key->secret = OPENSSL_secure_zalloc((size_t)len);
	to = key->secret;
	if (to)
		key->secret_len = (size_t)i2d_PKCS8_PRIV_KEY_INFO(info, &to);
	PKCS8_PRIV_KEY_INFO_free(info);
	return key->secret ? 0 : private_refuse(why, "the key cannot be written as PKCS#8");
}

static int check_alg(const struct private_key *key, const struct alg *alg, char why[PRIVATE_WHY])
{
	const char *wanted = alg->family == ALG_RSA_OAEP ? "RSA" : alg->family == ALG_ECDH ? "EC or OKP" : "oct";
	bool aes = alg->family == ALG_AES_KW || alg->family == ALG_AES_GCMKW;

	if (!strstr(wanted, key->kty))
		return private_refuse(why, "%s needs a key of kty %s, and this one is %s", alg->name, wanted, key->kty);
	if (aes && key->secret_len != alg->key_bits / 8)
		return private_refuse(why, "%s needs a key of %u bits, and this one has %zu", alg->name, alg->key_bits,
			key->secret_len * 8);
	return 0;
}

static int finish(int r, struct private_key *key, const struct alg *alg, struct private_key *ret_key,
	char why[PRIVATE_WHY])
{
	if (r == 0)
		r = check_alg(key, alg, why);
	if (r == 0)
		*ret_key = *key;
	else
		private_key_deinit(key);
	return r;
}

int private_key_of(EVP_PKEY *pkey, const struct alg *alg, struct private_key *ret_key, char why[PRIVATE_WHY])
{
	struct private_key key = {.kty = ""};
	int r = pkey ? public_of(pkey, &key, why) : -EINVAL;

	if (r == 0)
		r = private_check(pkey, why);
	if (r == 0)
		r = private_of(pkey, &key, why);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return finish(r, &key, alg, ret_key, why);
}

int private_key_of_octets(const uint8_t *octets, size_t len, const struct alg *alg, struct private_key *ret_key,
	char why[PRIVATE_WHY])
{
	struct private_key key = {.kty = "oct", .secret = OPENSSL_secure_zalloc(len), .secret_len = len};

	if (!key.secret)
		return private_refuse(why, "out of locked memory");
	memcpy(key.secret, octets, len);
	return finish(0, &key, alg, ret_key, why);
}

static bool same(const void *a, size_t a_len, const void *b, size_t b_len)
{
	return a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}

bool private_key_same(const struct private_key *a, const struct private_key *b)
{
	if (strcmp(a->kty, b->kty) != 0)
		return false;
	if (strcmp(a->kty, "oct") == 0)
		return same(a->secret, a->secret_len, b->secret, b->secret_len);
	return same(a->n, a->n_len, b->n, b->n_len) && same(a->x, a->x_len, b->x, b->x_len) &&
		same(a->y, a->y_len, b->y, b->y_len);
}

void private_key_deinit(struct private_key *key)
{
	OPENSSL_secure_free(key->secret); /* wipes */
	key->secret = NULL;
	key->secret_len = 0;
}
