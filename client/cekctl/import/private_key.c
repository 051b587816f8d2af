/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/import/private_key.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "client/cekctl/import/private_check.h"
#include "client/cekctl/import/private_jwk.h"
#include "client/cekctl/import/wiping_heap.h"
#include "client/json/soften.h"

enum { HEAP_BYTES = 1 << 20, HEAP_SMALLEST = 32, RSA_MIN = RSA_BITS_MIN / 8 };

int private_key_setup(void)
{
	wiping_heap_setup();
	return CRYPTO_secure_malloc_init(HEAP_BYTES, HEAP_SMALLEST) > 0 ? 0 : -ENOMEM;
}

static void *json_secure_alloc(size_t size)
{
	return OPENSSL_secure_malloc(size);
}

static void json_secure_free(void *data)
{
	OPENSSL_secure_free(data); /* which wipes what it knows the size of */
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

static int read_oct(const json_t *jwk, struct private_key *key, char why[PRIVATE_WHY])
{
	int n;

	strcpy(key->kty, "oct");
	key->secret = OPENSSL_secure_zalloc(CEK_LEN_MAX);
	if (!key->secret)
		return private_refuse(why, "out of memory");
	n = private_jwk_octets(jwk, "k", key->secret, CEK_LEN_MAX, why);
	if (n < 0)
		return n;
	key->secret_len = (size_t)n;
	return 0;
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

static int read_pkey(EVP_PKEY *pkey, struct private_key *key, char why[PRIVATE_WHY])
{
	int r = pkey ? public_of(pkey, key, why) : -EINVAL;

	if (r == 0)
		r = private_check(pkey, why);
	if (r == 0)
		r = private_of(pkey, key, why);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return r;
}

/* In our words: jansson's repeat what stands near the fault, and that may be a part of the key. */
static int refuse_json(const json_error_t *error, char why[PRIVATE_WHY])
{
	const char *what = "a fault in the JSON";

	if (json_error_code(error) == json_error_duplicate_key)
		what = "a member twice";
	else if (json_error_code(error) == json_error_invalid_utf8)
		what = "octets that are not UTF-8";
	else if (json_error_code(error) == json_error_premature_end_of_input)
		what = "the file ends too early";
	else if (json_error_code(error) == json_error_out_of_memory)
		what = "more than fits into locked memory";
	return private_refuse(why, "the file is neither PEM nor a JWK (line %d: %s)", error->line, what);
}

/* No member that counts is a number, and those that do not count may hold whatever JSON can. */
static json_t *load_jwk(const char *data, size_t len, char why[PRIVATE_WHY])
{
	static const char mark[] = "\xef\xbb\xbf"; /* RFC 8259 section 8.1: may be ignored */
	size_t skip = len >= 3 && memcmp(data, mark, 3) == 0 ? 3 : 0;
	char *soft = OPENSSL_secure_malloc(SOFT_GROWS * len + 1);
	json_error_t error;
	json_t *jwk = NULL;

	if (!soft) {
		private_refuse(why, "out of locked memory");
		return NULL;
	}
	jwk = json_loadb(soft, soften(data + skip, len - skip, SOFT_ESCAPES, soft), JSON_REJECT_DUPLICATES, &error);
	OPENSSL_secure_clear_free(soft, SOFT_GROWS * len + 1);
	if (!jwk)
		refuse_json(&error, why);
	return jwk;
}

static int read_jwk(const char *data, size_t len, const struct alg *alg, struct private_key *key, char why[PRIVATE_WHY])
{
	const char *kty;
	json_t *jwk;
	int r;

	json_set_alloc_funcs(json_secure_alloc, json_secure_free);
	jwk = load_jwk(data, len, why);
	kty = json_string_value(json_object_get(jwk, "kty"));
	if (!jwk)
		r = -EINVAL;
	else if (!kty)
		r = private_refuse(why, "the file is neither PEM nor a JWK: it has no \"kty\"");
	else if (private_jwk_check_use(jwk, alg, why) < 0)
		r = -EINVAL;
	else if (strcmp(kty, "oct") == 0)
		r = read_oct(jwk, key, why);
	else
		r = read_pkey(private_jwk_read(jwk, why), key, why);
	json_decref(jwk);
	json_set_alloc_funcs(malloc, free);
	return r;
}

static int no_password(char *buffer, int size, int writing, void *userdata)
{
	*(bool *)userdata = true;
	return -1;
}

/* The line on which the private key of that number (from 1) begins, 0 if there are fewer. Whether it can be read does
 * not matter: a file that holds half a key beside a whole one is not what its owner thinks. */
static size_t begins_at(const char *data, size_t len, size_t number)
{
	static const char begin[] = "-----BEGIN ", wanted[] = "PRIVATE";
	size_t line = 1;

	for (size_t at = 0; at < len; line++) {
		const char *start = data + at, *end = memchr(start, '\n', len - at);
		size_t n = end ? (size_t)(end - start) : len - at;

		if (memmem(start, n, begin, sizeof(begin) - 1) && memmem(start, n, wanted, sizeof(wanted) - 1) &&
			--number == 0)
			return line;
		at += n + 1;
	}
	return 0;
}

/* Which of several keys is meant nobody can tell. */
static int read_pem(const char *data, size_t len, struct private_key *key, char why[PRIVATE_WHY])
{
	size_t first = begins_at(data, len, 1), second = begins_at(data, len, 2);
	bool encrypted = false;
	EVP_PKEY *pkey = NULL;
	BIO *bio;

	if (second)
		return private_refuse(why,
			"the PEM file has more than one private key (1st on line %zu, 2nd on line %zu): "
			"leave only the one that is meant",
			first, second);
	if (!first)
		return private_refuse(why, "the PEM file has no private key");
	bio = BIO_new_mem_buf(data, (int)len);
	pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, &encrypted) : NULL;
	if (encrypted)
		private_refuse(why, "the PEM file is encrypted: decrypt it first");
	else
		private_refuse(why, "the private key on line %zu of the PEM file is none that OpenSSL can read", first);
	BIO_free(bio);
	return read_pkey(pkey, key, why);
}

int private_key_read(const char *data, size_t len, const struct alg *alg, struct private_key *ret_key,
	char why[PRIVATE_WHY])
{
	struct private_key key = {.kty = ""};
	bool pem = len > 11 && memmem(data, len, "-----BEGIN ", 11) != NULL;
	int r;

	private_refuse(why, "out of memory");
	r = pem ? read_pem(data, len, &key, why) : read_jwk(data, len, alg, &key, why);
	if (r == 0)
		r = check_alg(&key, alg, why);
	if (r < 0)
		private_key_deinit(&key);
	else
		*ret_key = key;
	return r;
}

void private_key_deinit(struct private_key *key)
{
	OPENSSL_secure_free(key->secret); /* wipes */
	key->secret = NULL;
	key->secret_len = 0;
}
