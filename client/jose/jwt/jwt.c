/* SPDX-License-Identifier: Apache-2.0 */
/* A JWT in the compact serialisation: the order of RFC 7515 section 5.2 and RFC 7519 section 7.2, in which no claim is
 * looked at before the signature. */
#include <stdlib.h>
#include <string.h>

#include "client/jose/compact.h"
#include "client/jose/error.h"
#include "client/jose/jwt/claims.h"
#include "client/jose/jwt/keys.h"
#include "client/jose/jwt/policy.h"
#include "client/jose/locked.h"
#include "client/json/json.h"
#include "proto/base64url.h"

struct cek_jwt {
	struct arena *arena; /* payload */
	struct cek_bytes payload;
	struct jwt_object header, claims;
	int64_t expires;
};

/* A token in its parts. */
struct parts {
	struct span header, payload, signature;
	struct cek_bytes text; /* header and payload, which are signed */
};

static bool split(const char *token, size_t len, struct parts *ret)
{
	const char *end = token + len;
	const char *first = len > 0 ? memchr(token, '.', len) : NULL;
	const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;

	if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
		return false;
	ret->header = (struct span){token, (size_t)(first - token)};
	ret->payload = (struct span){first + 1, (size_t)(second - first - 1)};
	ret->signature = (struct span){second + 1, (size_t)(end - second - 1)};
	ret->text = (struct cek_bytes){token, (size_t)(second - token)};
	return true;
}

static int not_base64url(const char *part, struct cek_jwe_error *error)
{
	return jwe_error(error, CEK_JWE_MALFORMED, "%s: not base64url", part);
}

static int read_header(cek_jwt *jwt, struct span text, struct cek_jwe_error *error)
{
	static const struct jwt_bounds bounds = {"header", JSON_DEPTH_MAX, CEK_JWT_HEADER_VALUES_MAX, 1};
	uint8_t octets[CEK_JWE_HEADER_MAX];
	ssize_t len;

	if (b64u_decoded_len(text.len) > sizeof(octets))
		return jwe_error(error, CEK_JWE_TOO_LARGE, "header: over %d bytes", CEK_JWE_HEADER_MAX);
	len = b64u_decode(text.text, text.len, octets, sizeof(octets));
	if (len < 0)
		return not_base64url("header", error);
	return jwt_object_init(&jwt->header, &bounds, (const char *)octets, (size_t)len, error);
}

/* Room for a payload and the NUL behind it. */
static uint8_t *payload_new(cek_jwt *jwt, size_t size)
{
	jwt->arena = locked_get(size + 1);
	return jwt->arena ? arena_alloc(jwt->arena, size + 1) : NULL; /* zeroed */
}

static int read_payload(cek_jwt *jwt, struct span text, struct cek_jwe_error *error)
{
	size_t size = b64u_decoded_len(text.len);
	uint8_t *octets = payload_new(jwt, size);

	if (!octets)
		return jwe_error_code(error, CEK_JWE_NOMEM);
	if (b64u_decode(text.text, text.len, octets, size) < 0)
		return not_base64url("payload", error);
	jwt->payload = (struct cek_bytes){octets, size};
	return CEK_JWE_OK;
}

static int check_signature(const cek_jwt_keys *keys, const struct jws_alg *alg, const char *kid,
	const struct parts *parts, struct cek_jwe_error *error)
{
	const struct signer *signers[CEK_JWT_TRIES_MAX];
	uint8_t octets[JWS_SIGNATURE_MAX];
	struct cek_bytes signature = {.data = octets};
	ssize_t len;
	size_t n;
	int code = keys_find(keys, alg, kid, signers, &n, error);

	if (code != CEK_JWE_OK)
		return code;
	if (b64u_decoded_len(parts->signature.len) > sizeof(octets)) /* than any has */
		return jwe_error_code(error, CEK_JWE_FAILED);
	len = b64u_decode(parts->signature.text, parts->signature.len, octets, sizeof(octets));
	if (len < 0)
		return not_base64url("signature", error);
	signature.len = (size_t)len;
	for (size_t i = 0; i < n; i++)
		if (jws_verify(alg, &keys->hashes, signers[i]->pkey, parts->text, signature))
			return CEK_JWE_OK;
	return jwe_error_code(error, CEK_JWE_FAILED);
}

static int read_claims(cek_jwt *jwt, const struct cek_jwt_policy *policy, struct cek_jwe_error *error)
{
	static const struct jwt_bounds bounds = {"payload", CEK_JWT_DEPTH_MAX, CEK_JWT_VALUES_MAX, CEK_JWT_DEPTH_MAX};
	int code = jwt_object_init(&jwt->claims, &bounds, jwt->payload.data, jwt->payload.len, error);

	return code == CEK_JWE_OK ? claims_check(&jwt->claims, policy, &jwt->expires, error) : code;
}

static int verify(cek_jwt *jwt, const cek_jwt_keys *keys, const struct cek_jwt_policy *policy,
	const struct parts *parts, struct cek_jwe_error *error)
{
	const struct jws_alg *alg;
	const char *kid;
	int code;

	code = read_header(jwt, parts->header, error);
	if (code == CEK_JWE_OK)
		code = policy_check_header(policy, &jwt->header, &alg, &kid, error);
	if (code == CEK_JWE_OK)
		code = check_signature(keys, alg, kid, parts, error);
	if (code == CEK_JWE_OK)
		code = read_payload(jwt, parts->payload, error);
	return code == CEK_JWE_OK ? read_claims(jwt, policy, error) : code;
}

/* What is not accepted is freed. */
static int hand_out(cek_jwt *jwt, int code, cek_jwt **ret_jwt, struct cek_jwe_error *error)
{
	if (code != CEK_JWE_OK) {
		cek_jwt_free(jwt);
		return code;
	}
	*ret_jwt = jwt;
	return jwe_error_code(error, CEK_JWE_OK);
}

int cek_jwt_verify(const cek_jwt_keys *keys, const struct cek_jwt_policy *policy, const char *token, size_t len,
	cek_jwt **ret_jwt, struct cek_jwe_error *ret_error)
{
	struct cek_jwt_policy known;
	struct parts parts;
	cek_jwt *jwt;
	int code = policy_take(policy, &known, ret_error);

	if (code != CEK_JWE_OK)
		return code;
	if (len > known.max_token)
		return jwe_error(ret_error, CEK_JWE_TOO_LARGE, "token: over %zu bytes", known.max_token);
	if (!split(token, len, &parts))
		return jwe_error(ret_error, CEK_JWE_MALFORMED, "token: not three parts");
	jwt = calloc(1, sizeof(*jwt));
	if (!jwt)
		return jwe_error_code(ret_error, CEK_JWE_NOMEM);
	return hand_out(jwt, verify(jwt, keys, &known, &parts, ret_error), ret_jwt, ret_error);
}

int cek_jwt_claims(const struct cek_jwt_policy *policy, const char *json, size_t len, cek_jwt **ret_jwt,
	struct cek_jwe_error *ret_error)
{
	struct cek_jwt_policy known;
	uint8_t *octets;
	cek_jwt *jwt;
	int code = policy_take(policy, &known, ret_error);

	if (code != CEK_JWE_OK)
		return code;
	if (len > known.max_token)
		return jwe_error(ret_error, CEK_JWE_TOO_LARGE, "claims: over %zu bytes", known.max_token);
	jwt = calloc(1, sizeof(*jwt));
	octets = jwt ? payload_new(jwt, len) : NULL;
	if (!octets) {
		cek_jwt_free(jwt);
		return jwe_error_code(ret_error, CEK_JWE_NOMEM);
	}
	memcpy(octets, json, len);
	jwt->payload = (struct cek_bytes){octets, len};
	return hand_out(jwt, read_claims(jwt, &known, ret_error), ret_jwt, ret_error);
}

cek_jwt *cek_jwt_free(cek_jwt *jwt)
{
	if (!jwt)
		return NULL;
	jwt_object_deinit(&jwt->header);
	jwt_object_deinit(&jwt->claims);
	locked_put(jwt->arena);
	free(jwt);
	return NULL;
}

struct cek_jwt_value cek_jwt_claim(const cek_jwt *jwt, const char *const *path)
{
	return jwt_object_at(&jwt->claims, path);
}

struct cek_jwt_value cek_jwt_header(const cek_jwt *jwt, const char *name)
{
	return jwt_object_get(&jwt->header, name);
}

struct cek_bytes cek_jwt_payload(const cek_jwt *jwt)
{
	return jwt->payload;
}

int64_t cek_jwt_expires(const cek_jwt *jwt)
{
	return jwt->expires;
}
