/* SPDX-License-Identifier: Apache-2.0 */
/* jwk.h */
#include "client/jose/jwk.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "client/jose/error.h"
#include "client/jose/pkey.h"
#include "client/json/json.h"
#include "client/json/soften.h"
#include "proto/alg.h"
#include "proto/base64url.h"

enum { EXPONENT_MAX = JWK_OCTETS_MAX - ENCRYPTED_KEY_MAX - 1 }; /* octets */

static const char *string_of(const json_t *json, const char *member)
{
	return json_string_value(json_object_get(json, member));
}

/* A member that is not there is of every type. */
static bool is_of_type(const json_t *json, const char *member, json_type type)
{
	const json_t *value = json_object_get(json, member);

	return !value || json_typeof(value) == type;
}

static bool has_private(const json_t *json)
{
	static const char *const members[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (json_object_get(json, members[i]))
			return true;
	return false;
}

static bool has_operation(const json_t *key_ops, const char *const *ops)
{
	const json_t *op;
	size_t i;

	for (; *ops; ops++)
		json_array_foreach(key_ops, i,
			op) if (json_is_string(op) && strcmp(json_string_value(op), *ops) == 0) return true;
	return false;
}

bool jwk_is_for(const json_t *json, const char *wanted, const char *const *ops)
{
	const char *use = string_of(json, "use");
	const json_t *key_ops = json_object_get(json, "key_ops");

	return (!use || strcmp(use, wanted) == 0) && (!key_ops || has_operation(key_ops, ops));
}

static bool is_for_encryption(const json_t *json, const char *alg)
{
	static const char *const ops[] = {"encrypt", "wrapKey", "deriveKey", "deriveBits", NULL};

	return jwk_is_for(json, "enc", ops) && (!alg || alg_find(alg));
}

static bool take_octets(const json_t *json, const char *member, size_t max, uint8_t *data, struct cek_bytes *ret)
{
	size_t len;

	if (!json_octets(json_object_get(json, member), max, data, &len) || len == 0)
		return false;
	*ret = (struct cek_bytes){data, len};
	return true;
}

static unsigned bits_of(struct cek_bytes number)
{
	const uint8_t *data = number.data;

	return (unsigned)number.len * 8 - (unsigned)(__builtin_clz(data[0]) - 24);
}

static bool is_good(const struct cek_public_key *key)
{
	EVP_PKEY *pkey = pkey_from_public(key);
	bool good = pkey != NULL;

	EVP_PKEY_free(pkey);
	return good;
}

static enum jwk_result take_rsa(const json_t *json, struct cek_public_key *key, uint8_t *octets, const char **ret_why)
{
	uint8_t *e = octets + ENCRYPTED_KEY_MAX + 1;
	const json_t *n = json_object_get(json, "n");

	if (json_is_string(n) && b64u_decoded_len(json_string_length(n)) > ENCRYPTED_KEY_MAX + 1)
		return JWK_IGNORED;
	*ret_why = "n or e: missing, not base64url, or with leading zeros";
	if (!take_octets(json, "n", ENCRYPTED_KEY_MAX + 1, octets, &key->n) || octets[0] == 0 ||
		!take_octets(json, "e", EXPONENT_MAX, e, &key->e) || e[0] == 0)
		return JWK_MALFORMED;
	if (bits_of(key->n) < RSA_BITS_MIN || bits_of(key->n) > RSA_BITS_MAX)
		return JWK_IGNORED;
	*ret_why = "n or e: not odd, or e is 1";
	return is_good(key) ? JWK_OK : JWK_MALFORMED;
}

static enum jwk_result take_point(const json_t *json, struct cek_public_key *key, uint8_t *octets, const char **ret_why)
{
	const char *crv = string_of(json, "crv");
	const struct curve *curve = crv ? curve_find(crv) : NULL;

	*ret_why = "crv: missing";
	if (!crv)
		return JWK_MALFORMED;
	if (!curve)
		return JWK_IGNORED;
	*ret_why = "crv: does not fit kty";
	if (strcmp(curve->kty, key->kty) != 0)
		return JWK_MALFORMED;
	key->crv = curve->name;
	*ret_why = "x or y: missing, not base64url, or not as long as the field";
	if (!take_octets(json, "x", curve->field_len, octets, &key->x) || key->x.len != curve->field_len)
		return JWK_MALFORMED;
	if (strcmp(key->kty, "EC") == 0 &&
		(!take_octets(json, "y", curve->field_len, octets + curve->field_len, &key->y) ||
			key->y.len != curve->field_len))
		return JWK_MALFORMED;
	*ret_why = "x and y: not a point on the curve";
	return is_good(key) ? JWK_OK : JWK_MALFORMED;
}

enum jwk_result jwk_members(const json_t *json, struct cek_jwk *ret_jwk, const char **ret_why)
{
	const char *kty = string_of(json, "kty"), *kid = string_of(json, "kid");

	*ret_why = "not a JSON object, or one with a member twice";
	if (!json_is_object(json))
		return JWK_MALFORMED;
	*ret_why = "kty or kid: missing, not a string, empty, too long or with a NUL";
	if (!kty || (json_object_get(json, "kid") && (!kid || !kid_valid(kid) || strstr(kid, JSON_UNHELD))))
		return JWK_MALFORMED;
	*ret_why = "holds a private key";
	if (has_private(json))
		return JWK_MALFORMED;
	*ret_why = "alg, use or key_ops: of a wrong type";
	if (!is_of_type(json, "alg", JSON_STRING) || !is_of_type(json, "use", JSON_STRING) ||
		!is_of_type(json, "key_ops", JSON_ARRAY))
		return JWK_MALFORMED;
	*ret_jwk = (struct cek_jwk){.kid = kid, .alg = string_of(json, "alg"), .public_key.kty = kty};
	return JWK_OK;
}

/* A name that stays when json goes; NULL for kinds that are not known. */
static const char *kty_find(const char *name)
{
	static const char *const ktys[] = {"RSA", "EC", "OKP"};

	for (size_t i = 0; i < sizeof(ktys) / sizeof(ktys[0]); i++)
		if (strcmp(name, ktys[i]) == 0)
			return ktys[i];
	return NULL;
}

enum jwk_result jwk_public_key(const json_t *json, struct cek_public_key *key, uint8_t *octets, const char **ret_why)
{
	key->kty = kty_find(key->kty);
	if (!key->kty)
		return JWK_IGNORED;
	if (strcmp(key->kty, "RSA") == 0)
		return take_rsa(json, key, octets, ret_why);
	return take_point(json, key, octets, ret_why);
}

static enum jwk_result take(const json_t *json, struct cek_jwk *jwk, uint8_t *octets, const char **ret_why)
{
	enum jwk_result result = jwk_members(json, jwk, ret_why);
	const struct alg *alg;

	if (result != JWK_OK)
		return result;
	if (!is_for_encryption(json, jwk->alg) || !kty_find(jwk->public_key.kty))
		return JWK_IGNORED;
	alg = jwk->alg ? alg_find(jwk->alg) : NULL;
	*ret_why = "alg: does not fit kty";
	if (alg && alg->family != (strcmp(jwk->public_key.kty, "RSA") == 0 ? ALG_RSA_OAEP : ALG_ECDH))
		return JWK_MALFORMED;
	return jwk_public_key(json, &jwk->public_key, octets, ret_why);
}

enum jwk_result jwk_from_json(const json_t *json, struct cek_jwk *ret_jwk, uint8_t **ret_octets, const char **ret_why)
{
	uint8_t *octets = malloc(JWK_OCTETS_MAX);
	struct cek_jwk jwk = {0};
	enum jwk_result result;

	if (!octets)
		return JWK_NOMEM;
	result = take(json, &jwk, octets, ret_why);
	if (result != JWK_OK) {
		free(octets);
		return result;
	}
	*ret_jwk = jwk;
	*ret_octets = octets;
	return JWK_OK;
}

bool jwk_passed_by(struct jwk_passed *passed, enum jwk_result result, size_t number, const char *why, size_t *n)
{
	if (result == JWK_OK)
		++*n;
	if (result == JWK_MALFORMED && passed->count++ == 0) {
		passed->number = number;
		passed->why = why;
	}
	return result != JWK_NOMEM;
}

int jwk_passed_judge(const struct jwk_passed *passed, size_t n, struct cek_jwe_error *error)
{
	if (passed->count == 0)
		return jwe_error_code(error, CEK_JWE_OK);
	if (n == 0)
		return jwe_error(error, CEK_JWE_MALFORMED, "key %zu: %s", passed->number, passed->why);
	return jwe_error(error, CEK_JWE_OK, "%zu passed over; key %zu: %s", passed->count, passed->number, passed->why);
}

static int set_octets(json_t *json, const char *member, struct cek_bytes value)
{
	return value.len > 0 ? json_object_set_new(json, member, json_from_octets(value.data, value.len)) : 0;
}

json_t *jwk_to_json(const struct cek_public_key *key)
{
	json_t *json = json_object();
	int rc = json_object_set_new(json, "kty", json_string(key->kty));

	if (key->crv && *key->crv)
		rc |= json_object_set_new(json, "crv", json_string(key->crv));
	rc |= set_octets(json, "n", key->n);
	rc |= set_octets(json, "e", key->e);
	rc |= set_octets(json, "x", key->x);
	rc |= set_octets(json, "y", key->y);
	if (json && rc == 0)
		return json;
	json_decref(json);
	return NULL;
}

/* RFC 7638 section 3: the required members, sorted, without white space. */
int cek_jwk_thumbprint(const struct cek_public_key *public_key, char ret_thumbprint[CEK_JWE_THUMBPRINT_SIZE])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	json_t *json;
	char *text;
	bool ok;

	if (!is_good(public_key))
		return CEK_JWE_MALFORMED;
	json = jwk_to_json(public_key);
	text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	ok = text && EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL);
	if (ok)
		ret_thumbprint[b64u_encode(digest, sizeof(digest), ret_thumbprint)] = '\0';
	free(text);
	json_decref(json);
	return ok ? CEK_JWE_OK : CEK_JWE_NOMEM;
}
