/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/manage/plain.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "daemon/token/p11/ckr.h"

enum {
	KEK_LEN = 32,
	COMPONENT_MAX = RSA_BITS_MAX / 8,
	RSA_COMPONENTS = 8,
};

static CK_RV open_wrapped(struct token *token, const uint8_t *kek, const ProtobufCBinaryData *wrapped,
	uint8_t **ret_plain, size_t *ret_len)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-WRAP-PAD", NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t *plain = arena_alloc(&token->arena, wrapped->len + 16);
	int len = 0;
	CK_RV rv = CKR_WRAPPED_KEY_INVALID;

	if (!cipher || !ctx || !plain)
		rv = CKR_HOST_MEMORY;
	else if (EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW),
		EVP_DecryptInit_ex2(ctx, cipher, kek, NULL, NULL) == 1 &&
			EVP_DecryptUpdate(ctx, plain, &len, wrapped->data, (int)wrapped->len) == 1 && len > 0)
		rv = CKR_OK;
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	ERR_clear_error();
	if (rv == CKR_OK) {
		*ret_plain = plain;
		*ret_len = (size_t)len;
	}
	return rv;
}

/* One number of the key, into the arena and the template. */
static bool add_number(struct token *token, EVP_PKEY *key, const char *name, CK_ATTRIBUTE_TYPE type, int len,
	struct template *template)
{
	uint8_t *bytes = arena_alloc(&token->arena, COMPONENT_MAX);
	BIGNUM *number = NULL;
	bool done = false;

	if (bytes && EVP_PKEY_get_bn_param(key, name, &number) == 1) {
		if (len == 0)
			len = BN_num_bytes(number);
		done = len <= COMPONENT_MAX && BN_bn2binpad(number, bytes, len) == len;
	}
	BN_clear_free(number);
	if (done)
		template_add(template, type, bytes, (size_t)len);
	return done;
}

/* Of more than two primes the token would be given two: n is not their product then. */
static bool has_two_primes(const EVP_PKEY *key)
{
	BIGNUM *third = NULL;
	bool more = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_FACTOR3, &third) == 1;

	BN_clear_free(third);
	return !more;
}

/* A token takes the parts as they come and computes with them. */
static bool belongs_together(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool good = ctx && EVP_PKEY_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return good;
}

static bool add_rsa(struct token *token, EVP_PKEY *key, struct template *template)
{
	static const struct {
		const char *name;
		CK_ATTRIBUTE_TYPE type;
	} parts[RSA_COMPONENTS] = {
		{OSSL_PKEY_PARAM_RSA_N, CKA_MODULUS},
		{OSSL_PKEY_PARAM_RSA_E, CKA_PUBLIC_EXPONENT},
		{OSSL_PKEY_PARAM_RSA_D, CKA_PRIVATE_EXPONENT},
		{OSSL_PKEY_PARAM_RSA_FACTOR1, CKA_PRIME_1},
		{OSSL_PKEY_PARAM_RSA_FACTOR2, CKA_PRIME_2},
		{OSSL_PKEY_PARAM_RSA_EXPONENT1, CKA_EXPONENT_1},
		{OSSL_PKEY_PARAM_RSA_EXPONENT2, CKA_EXPONENT_2},
		{OSSL_PKEY_PARAM_RSA_COEFFICIENT1, CKA_COEFFICIENT},
	};

	if (!EVP_PKEY_is_a(key, "RSA") || !has_two_primes(key))
		return false;
	for (size_t i = 0; i < RSA_COMPONENTS; i++)
		if (!add_number(token, key, parts[i].name, parts[i].type, 0, template))
			return false;
	return true;
}

static bool add_x25519(struct token *token, EVP_PKEY *key, const struct curve *curve, struct template *template)
{
	size_t len = curve->field_len;
	uint8_t *bytes = arena_alloc(&token->arena, len);

	if (!bytes || !EVP_PKEY_is_a(key, "X25519") || EVP_PKEY_get_raw_private_key(key, bytes, &len) != 1)
		return false;
	template_add(template, CKA_VALUE, bytes, len);
	return true;
}

static bool add_components(struct token *token, EVP_PKEY *key, const struct curve *curve, struct template *template)
{
	const unsigned way = curve ? token->facts.curve[facts_curve_index(curve)].params_way : 0;
	size_t len = 0;
	const uint8_t *params = curve ? curves_params(curve, way, &len) : NULL;

	if (!curve)
		return add_rsa(token, key, template);
	template_add(template, CKA_EC_PARAMS, params, len);
	if (strcmp(curve->kty, "OKP") == 0)
		return add_x25519(token, key, curve, template);
	return EVP_PKEY_is_a(key, "EC") &&
		add_number(token, key, OSSL_PKEY_PARAM_PRIV_KEY, CKA_VALUE, (int)curve->field_len, template);
}

CK_RV plain_create(struct token *token, const uint8_t *kek, const ProtobufCBinaryData *wrapped, CK_OBJECT_CLASS class,
	CK_KEY_TYPE type, const struct curve *curve, const struct template *template, CK_OBJECT_HANDLE *ret_object)
{
	struct template full = {.n = 0};
	const unsigned char *at;
	uint8_t *plain;
	EVP_PKEY *key;
	size_t len;
	CK_RV rv = open_wrapped(token, kek, wrapped, &plain, &len);

	if (rv != CKR_OK)
		return rv;
	template_add(&full, CKA_CLASS, &class, sizeof(class));
	template_add(&full, CKA_KEY_TYPE, &type, sizeof(type));
	if (class == CKO_SECRET_KEY) {
		template_add(&full, CKA_VALUE, plain, len);
	} else {
		at = plain;
		key = d2i_AutoPrivateKey(NULL, &at, (long)len);
		if (!key || !belongs_together(key) || !add_components(token, key, curve, &full))
			rv = CKR_WRAPPED_KEY_INVALID;
		EVP_PKEY_free(key);
		ERR_clear_error();
	}
	for (CK_ULONG i = 0; rv == CKR_OK && i < template->n; i++)
		template_add(&full, template->attribute[i].type, template->attribute[i].pValue,
			template->attribute[i].ulValueLen);
	if (rv == CKR_OK)
		rv = token->session.f->C_CreateObject(token->session.handle, full.attribute, full.n, ret_object);
	return rv;
}
