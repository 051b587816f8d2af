/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed tokens. The first octet says what the others are: T a token, P a payload, H a header and behind a NUL a
 * payload, both of which are signed here, K a JWK Set of strangers. What is verified is held against a parser of JSON
 * that is not told to keep numbers as they are written.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "client/jose/jwt/cek-jwt.h"
#include "proto/base64url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RFC 7515 appendices A.2, A.3, A.4 and RFC 8037 appendix A.2, of which the last has a private half below. */
static const char signers[] =
	"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHm"
	"fHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7"
	"OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5Zw"
	"Kh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e"
	"\":\"AQAB\",\"kid\":\"rsa\"},{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHM"
	"zV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\",\"kid\":\"ec\"},{\"kt"
	"y\":\"EC\",\"crv\":\"P-521\",\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjF"
	"Z6OvLFV1jSfS9tsz4qUxcWceqwQGk\",\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDl"
	"y79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7"
	"TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

static const uint8_t seed[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec,
	0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};

static const char *const algs[] = {"RS256", "PS256", "ES256", "ES512", "EdDSA", NULL};
static const char *const names[] = {"a", "b", NULL};

static const struct cek_jwt_policy lax = {.size = sizeof(lax), .algs = algs, .now = 1300000000, .no_exp = true};
static const struct cek_jwt_policy strict = {.size = sizeof(strict),
	.algs = algs,
	.issuers = names,
	.audiences = names,
	.types = names,
	.required = names,
	.scopes = names,
	.leeway = 60,
	.now = 1300000000};

static cek_jwt_keys *keys;
static EVP_PKEY *own;

static void set_up(void)
{
	if (keys)
		return;
	own = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
	if (!own || cek_jwt_keys_parse(signers, strlen(signers), &keys, NULL) != CEK_JWE_OK ||
		cek_jwt_keys_count(keys) != 4)
		abort();
}

/* A type that jansson knows as well, and the same value. */
static void compare(const json_t *json, struct cek_jwt_value value)
{
	if (value.text.data == NULL || ((const char *)value.text.data)[value.text.len] != '\0')
		abort();
	switch (value.type) {
	case CEK_JWT_STRING:
		if (!json_is_string(json) || strcmp(json_string_value(json), value.text.data) != 0)
			abort();
		break;
	case CEK_JWT_INTEGER:
		if (!json_is_integer(json) || json_integer_value(json) != value.integer)
			abort();
		break;
	case CEK_JWT_REAL:
		if (!json_is_real(json) || json_real_value(json) != value.real)
			abort();
		break;
	case CEK_JWT_BOOL:
		if (!json_is_boolean(json) || json_is_true(json) != value.truth)
			abort();
		break;
	case CEK_JWT_NULL:
		if (!json_is_null(json))
			abort();
		break;
	case CEK_JWT_ARRAY:
	case CEK_JWT_OBJECT:
		if ((value.type == CEK_JWT_ARRAY) != json_is_array(json) ||
			(value.type == CEK_JWT_OBJECT) != json_is_object(json))
			abort();
		break;
	default:
		abort();
	}
}

/* Members of members too: jwt knows each by its path. */
static void walk(const cek_jwt *jwt, json_t *object, const char **path, size_t depth)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		path[depth] = name;
		path[depth + 1] = NULL;
		compare(value, cek_jwt_claim(jwt, path));
		if (json_is_object(value))
			walk(jwt, value, path, depth + 1);
	}
}

static void check(const cek_jwt *jwt)
{
	const char *path[CEK_JWT_DEPTH_MAX + 2];
	struct cek_bytes payload = cek_jwt_payload(jwt);
	json_error_t error;
	json_t *json = json_loadb(payload.data, payload.len, JSON_REJECT_DUPLICATES, &error);

	if (!json && json_error_code(&error) != json_error_numeric_overflow)
		abort();
	if (json)
		walk(jwt, json, path, 0);
	if (cek_jwt_header(jwt, "alg").type != CEK_JWT_STRING || cek_jwt_header(jwt, "crit").type != CEK_JWT_NONE ||
		cek_jwt_expires(jwt) < -1)
		abort();
	json_decref(json);
}

static void verify(const cek_jwt_keys *with, const struct cek_jwt_policy *policy, const char *token, size_t len)
{
	struct cek_jwe_error error = {.code = -1};
	cek_jwt *jwt = NULL;
	int code = cek_jwt_verify(with, policy, token, len, &jwt, &error);

	if ((code == CEK_JWE_OK) != (jwt != NULL) || error.code != code ||
		(code == CEK_JWE_FAILED && error.details[0] != '\0'))
		abort();
	if (jwt)
		check(jwt);
	cek_jwt_free(jwt);
}

static void verify_signed(const void *header, size_t header_len, const void *payload, size_t payload_len)
{
	size_t len = b64u_encoded_len(header_len) + 1 + b64u_encoded_len(payload_len), signature_len = 64;
	char *token = malloc(len + 1 + b64u_encoded_len(signature_len));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[64];
	size_t at = b64u_encode(header, header_len, token);

	token[at++] = '.';
	b64u_encode(payload, payload_len, token + at);
	if (!ctx || EVP_DigestSignInit(ctx, NULL, NULL, NULL, own) <= 0 ||
		EVP_DigestSign(ctx, signature, &signature_len, (const uint8_t *)token, len) <= 0)
		abort();
	EVP_MD_CTX_free(ctx);
	token[len] = '.';
	len += 1 + b64u_encode(signature, signature_len, token + len + 1);
	verify(keys, &lax, token, len);
	verify(keys, &strict, token, len);
	free(token);
}

static void parse_keys(const char *text, size_t len)
{
	static const char *const tokens[] = {
		"eyJhbGciOiJSUzI1NiJ9.e30.AAAA",
		"eyJhbGciOiJFUzI1NiJ9.e30.AAAA",
		"eyJhbGciOiJFZERTQSIsImtpZCI6ImEifQ.e30.AAAA",
	};
	struct cek_jwe_error error = {.code = -1};
	cek_jwt_keys *strangers = NULL;
	int code = cek_jwt_keys_parse(text, len, &strangers, &error);

	if ((code == CEK_JWE_OK) != (strangers != NULL) || error.code != code)
		abort();
	for (size_t i = 0; strangers && i < sizeof(tokens) / sizeof(tokens[0]); i++)
		verify(strangers, &lax, tokens[i], strlen(tokens[i]));
	cek_jwt_keys_free(strangers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char header[] = "{\"alg\":\"EdDSA\",\"typ\":\"a\"}";
	const uint8_t *rest = data + 1, *nul;

	set_up();
	if (size == 0)
		return 0;
	size--;
	switch (data[0]) {
	case 'T':
		verify(keys, &lax, (const char *)rest, size);
		break;
	case 'P':
		verify_signed(header, strlen(header), rest, size);
		break;
	case 'H':
		nul = size > 0 ? memchr(rest, 0, size) : NULL;
		if (nul)
			verify_signed(rest, (size_t)(nul - rest), nul + 1, (size_t)(rest + size - nul - 1));
		break;
	case 'K':
		parse_keys((const char *)rest, size);
		break;
	default:
		break;
	}
	return 0;
}
