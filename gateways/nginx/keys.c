/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "gateways/nginx/files.h"
#include "gateways/nginx/keys.h"

static const char *told(const struct cek_jwe_error *error, char *why, size_t why_size)
{
	if (error->code == CEK_JWE_NOMEM)
		return ngx_cekd_no_memory;
	snprintf(why, why_size, "%s", *error->details ? error->details : cek_jwe_code_text(error->code));
	return why;
}

static const char *signers_parse(const struct ngx_cekd_file *file, const char *text, size_t len, void **ret_content,
	char *why, size_t why_size)
{
	struct cek_jwe_error error;
	cek_jwt_keys *keys;

	if (cek_jwt_keys_parse(text, len, &keys, &error) != CEK_JWE_OK)
		return told(&error, why, why_size);
	if (cek_jwt_keys_count(keys) == 0) {
		cek_jwt_keys_free(keys);
		return "it has no public key for signatures";
	}
	snprintf(why, why_size, "%s", error.details);
	*ret_content = keys;
	return NULL;
}

static void signers_free(void *content)
{
	cek_jwt_keys_free(content);
}

/* Tried now, or each request would find out. enc is one that any CEK is for. */
static const char *unusable(const struct cek_jwk *key, const char *alg, char *why, size_t why_size)
{
	const struct cek_jwe_params params = {.alg = alg, .enc = "A256GCM"};
	struct cek_jwe_error error;
	char *token;

	if (!key)
		return "it has no public key for encryption";
	if (!key->alg && !alg)
		return "its first key has no alg: name one, as in \"alg=RSA-OAEP-256\"";
	if (cek_jwe_encrypt_to(key, &params, "", 0, &token, &error) != CEK_JWE_OK)
		return told(&error, why, why_size);
	free(token);
	return NULL;
}

static const char *jwk_parse(const struct ngx_cekd_file *file, const char *text, size_t len, void **ret_content,
	char *why, size_t why_size)
{
	struct cek_jwe_error error;
	const char *fault;
	cek_jwks *keys;

	if (cek_jwks_parse(text, len, &keys, &error) != CEK_JWE_OK)
		return told(&error, why, why_size);
	fault = unusable(cek_jwks_get(keys, 0), file->alg, why, why_size);
	if (fault) {
		cek_jwks_free(keys);
		return fault;
	}
	snprintf(why, why_size, "%s", error.details);
	*ret_content = keys;
	return NULL;
}

static void jwk_free(void *content)
{
	cek_jwks_free(content);
}

const struct ngx_cekd_file_kind ngx_cekd_signers = {"a JWK Set of signers", signers_parse, signers_free, NULL};
const struct ngx_cekd_file_kind ngx_cekd_jwk = {"a JWK to encrypt for", jwk_parse, jwk_free, NULL};
