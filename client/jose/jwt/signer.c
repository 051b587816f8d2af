/* SPDX-License-Identifier: Apache-2.0 */
/* signer.h */
#include "client/jose/jwt/signer.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "client/jose/pkey.h"
#include "client/json/json.h"

static const struct edwards {
	const char *name;
	int id;
	size_t len; /* octets of a public key, RFC 8032 sections 5.1.5 and 5.2.5 */
} edwards[] = {
	{"Ed25519", EVP_PKEY_ED25519, 32},
	{"Ed448", EVP_PKEY_ED448, 57},
};

enum { EDWARDS = sizeof(edwards) / sizeof(edwards[0]), EDWARDS_LEN_MAX = 57 };

static const char *string_of(const json_t *json, const char *member)
{
	return json_string_value(json_object_get(json, member));
}

/* RFC 8037 section 2. */
static enum jwk_result take_edwards(struct signer *signer, const json_t *json, const char **ret_why)
{
	const char *crv = string_of(json, "crv");
	uint8_t x[EDWARDS_LEN_MAX];
	size_t i = 0, len;

	*ret_why = "crv: missing, or not one that signs";
	while (i < EDWARDS && (!crv || strcmp(crv, edwards[i].name) != 0))
		i++;
	if (i == EDWARDS)
		return crv && strncmp(crv, "X", 1) == 0 ? JWK_IGNORED : JWK_MALFORMED;
	*ret_why = "x: missing, not base64url, or of a wrong length";
	if (!json_octets(json_object_get(json, "x"), sizeof(x), x, &len) || len != edwards[i].len)
		return JWK_MALFORMED;
	signer->crv = edwards[i].name;
	signer->pkey = EVP_PKEY_new_raw_public_key(edwards[i].id, NULL, x, len);
	ERR_clear_error();
	return signer->pkey ? JWK_OK : JWK_NOMEM;
}

static enum jwk_result take_other(struct signer *signer, const json_t *json, struct cek_public_key *key,
	const char **ret_why)
{
	uint8_t octets[JWK_OCTETS_MAX];
	enum jwk_result result;

	result = jwk_public_key(json, key, octets, ret_why);
	if (result == JWK_IGNORED) {
		*ret_why = "kty, crv or size: not one that is known";
		return JWK_MALFORMED;
	}
	if (result != JWK_OK)
		return result;
	signer->kty = key->kty;
	signer->crv = key->crv;
	signer->pkey = pkey_from_public(key);
	return signer->pkey ? JWK_OK : JWK_NOMEM;
}

static bool is_of_kind(const struct jws_alg *alg, const struct signer *signer)
{
	return strcmp(alg->kty, signer->kty) == 0 && (!alg->crv || strcmp(alg->crv, signer->crv) == 0);
}

static enum jwk_result take(struct signer *signer, const json_t *json, const char **ret_why)
{
	static const char *const ops[] = {"verify", NULL};
	enum jwk_result result;
	struct cek_jwk jwk;

	result = jwk_members(json, &jwk, ret_why);
	if (result != JWK_OK)
		return result;
	if (!jwk_is_for(json, "sig", ops) || (jwk.alg && alg_find(jwk.alg)))
		return JWK_IGNORED;
	*ret_why = "alg: not a signature with a public key that is known";
	signer->alg = jwk.alg ? jws_alg_find(jwk.alg) : NULL;
	if (jwk.alg && !signer->alg)
		return JWK_MALFORMED;
	if (strcmp(jwk.public_key.kty, "OKP") == 0) {
		signer->kty = "OKP";
		result = take_edwards(signer, json, ret_why);
	} else {
		result = take_other(signer, json, &jwk.public_key, ret_why);
	}
	if (result != JWK_OK)
		return result;
	*ret_why = "alg: does not fit kty and crv";
	if (signer->alg && !is_of_kind(signer->alg, signer))
		return JWK_MALFORMED;
	signer->kid = jwk.kid ? strdup(jwk.kid) : NULL;
	return jwk.kid && !signer->kid ? JWK_NOMEM : JWK_OK;
}

enum jwk_result signer_init(struct signer *signer, const json_t *json, const char **ret_why)
{
	struct signer made = {0};
	enum jwk_result result = take(&made, json, ret_why);

	if (result == JWK_OK)
		*signer = made;
	else
		signer_deinit(&made);
	return result;
}

void signer_deinit(struct signer *signer)
{
	free(signer->kid);
	EVP_PKEY_free(signer->pkey);
	*signer = (struct signer){0};
}

bool signer_fits(const struct signer *signer, const struct jws_alg *alg)
{
	return (!signer->alg || signer->alg == alg) && is_of_kind(alg, signer);
}
