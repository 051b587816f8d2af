/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h, and the sets of cek-jwt.h. */
#include "client/jose/jwt/keys.h"

#include <stdlib.h>
#include <string.h>

#include "client/jose/error.h"
#include "client/json/json.h"

cek_jwt_keys *cek_jwt_keys_free(cek_jwt_keys *keys)
{
	if (!keys)
		return NULL;
	for (size_t i = 0; i < keys->n_signers; i++)
		signer_deinit(&keys->signers[i]);
	free(keys->signers);
	jws_hashes_deinit(&keys->hashes);
	free(keys);
	return NULL;
}

size_t cek_jwt_keys_count(const cek_jwt_keys *keys)
{
	return keys->n_signers;
}

static bool add(cek_jwt_keys *keys, size_t number, const json_t *json, struct jwk_passed *passed)
{
	const char *why = "";
	enum jwk_result result = signer_init(&keys->signers[keys->n_signers], json, &why);

	return jwk_passed_by(passed, result, number, why, &keys->n_signers);
}

static int from_array(const json_t *array, cek_jwt_keys **ret_keys, struct cek_jwe_error *error)
{
	cek_jwt_keys *keys = calloc(1, sizeof(*keys));
	struct jwk_passed passed = {0};
	const json_t *key;
	bool ok = keys && jws_hashes_init(&keys->hashes);
	size_t i;
	int code;

	if (ok)
		keys->signers = calloc(json_array_size(array) + 1, sizeof(*keys->signers));
	ok = ok && keys->signers;
	json_array_foreach(array, i, key) ok = ok && add(keys, i + 1, key, &passed);
	code = ok ? jwk_passed_judge(&passed, keys->n_signers, error) : jwe_error_code(error, CEK_JWE_NOMEM);
	if (code == CEK_JWE_OK)
		*ret_keys = keys;
	else
		cek_jwt_keys_free(keys);
	return code;
}

int cek_jwt_keys_parse(const char *text, size_t len, cek_jwt_keys **ret_keys, struct cek_jwe_error *ret_error)
{
	json_t *json, *array;
	int code;

	if (len > CEK_JWT_KEYS_TEXT_MAX)
		return jwe_error(ret_error, CEK_JWE_TOO_LARGE, "JWK Set: over %d bytes", CEK_JWT_KEYS_TEXT_MAX);
	json = json_set_parse(text, len);
	if (!json)
		return jwe_error(ret_error, CEK_JWE_MALFORMED,
			"JWK Set: not a JSON object, a member twice, or nested too deep");
	array = json_incref(json_object_get(json, "keys"));
	if (!array && json_object_get(json, "kty"))
		array = json_pack("[O]", json);
	if (!json_is_array(array))
		code = jwe_error(ret_error, CEK_JWE_MALFORMED, "JWK Set: keys is missing or not an array");
	else if (json_array_size(array) > CEK_JWT_KEYS_MAX)
		code = jwe_error(ret_error, CEK_JWE_TOO_LARGE, "JWK Set: over %d keys", CEK_JWT_KEYS_MAX);
	else
		code = from_array(array, ret_keys, ret_error);
	json_decref(array);
	json_decref(json);
	return code;
}

static bool is_named(const struct signer *signer, const char *kid)
{
	return !kid || (signer->kid && strcmp(signer->kid, kid) == 0);
}

int keys_find(const cek_jwt_keys *keys, const struct jws_alg *alg, const char *kid,
	const struct signer *ret_signers[CEK_JWT_TRIES_MAX], size_t *ret_n, struct cek_jwe_error *error)
{
	size_t max = kid ? 1 : CEK_JWT_TRIES_MAX, n = 0;

	for (size_t i = 0; i < keys->n_signers && n <= max; i++) {
		const struct signer *signer = &keys->signers[i];

		if (!is_named(signer, kid) || !signer_fits(signer, alg))
			continue;
		if (n < max)
			ret_signers[n] = signer;
		n++;
	}
	if (n == 0)
		return jwe_error(error, CEK_JWE_NO_KEY, kid ? "kid: names no key for this alg" : "no key for this alg");
	if (n > max)
		return jwe_error(error, CEK_JWE_NO_KEY, kid ? "kid: names several keys" : "no kid, and too many keys");
	*ret_n = n;
	return CEK_JWE_OK;
}
