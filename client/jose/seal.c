/* SPDX-License-Identifier: Apache-2.0 */
/* seal.h */
#include "client/jose/seal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "client/jose/compact.h"
#include "client/jose/content.h"
#include "client/jose/error.h"
#include "client/jose/header.h"
#include "client/jose/jwk.h"
#include "client/json/json.h"
#include "proto/base64url.h"

static int set_string(json_t *json, const char *member, const char *value)
{
	return value && *value ? json_object_set_new(json, member, json_string(value)) : 0;
}

static int set_octets(json_t *json, const char *member, struct cek_bytes value)
{
	return value.len > 0 ? json_object_set_new(json, member, json_from_octets(value.data, value.len)) : 0;
}

/* The protected header in base64url: a string for free(3), or NULL. */
static char *make_header(const struct seal *seal)
{
	const struct cek_alg_params *params = &seal->params;
	json_t *json = json_object();
	char *text = NULL, *header = NULL;
	int rc = 0;

	rc |= set_string(json, "alg", seal->alg->name);
	rc |= set_string(json, "enc", seal->enc->name);
	rc |= set_string(json, "kid", seal->kid);
	rc |= set_string(json, "typ", seal->typ);
	rc |= set_string(json, "cty", seal->cty);
	if (params->epk.kty)
		rc |= json_object_set_new(json, "epk", jwk_to_json(&params->epk));
	rc |= set_octets(json, "apu", params->apu);
	rc |= set_octets(json, "apv", params->apv);
	rc |= set_octets(json, "iv", params->iv);
	rc |= set_octets(json, "tag", params->tag);
	if (json && rc == 0)
		text = json_dumps(json, JSON_COMPACT);
	if (text)
		header = b64u_text(text, strlen(text));
	free(text);
	json_decref(json);
	return header;
}

/* NULL, or UTF-8 of a length that header.c reads again. */
static bool is_name(const char *name)
{
	json_t *string = name ? json_string(name) : NULL;
	bool good = !name || (string && *name && strlen(name) <= HEADER_NAME_MAX);

	json_decref(string);
	return good;
}

int seal_check(const struct cek_jwe_params *params, size_t plaintext_len, struct cek_jwe_error *error)
{
	if (!params->enc || !enc_find(params->enc))
		return jwe_error(error, CEK_JWE_POLICY, "enc: missing, or not one that cekd knows");
	if (!is_name(params->cty) || !is_name(params->typ))
		return jwe_error(error, CEK_JWE_MALFORMED, "cty or typ: empty, too long or not UTF-8");
	if (params->apu.len > PARTY_INFO_MAX || params->apv.len > PARTY_INFO_MAX)
		return jwe_error(error, CEK_JWE_TOO_LARGE, "apu or apv: more than %d octets", PARTY_INFO_MAX);
	if (plaintext_len > CEK_JWE_TOKEN_MAX)
		return jwe_error(error, CEK_JWE_TOO_LARGE, "plaintext: over the limit");
	return CEK_JWE_OK;
}

int seal_token(const struct seal *seal, char **ret_token, struct cek_jwe_error *error)
{
	size_t iv_len = content_iv_len(seal->enc), len = content_ciphertext_len(seal->enc, seal->plaintext.len);
	uint8_t iv[CONTENT_IV_MAX], tag[CONTENT_TAG_MAX];
	char *header = make_header(seal), *token = NULL;
	uint8_t *ciphertext = malloc(len + 1);
	int code = CEK_JWE_NOMEM;

	if (header && ciphertext && getrandom(iv, iv_len, 0) == (ssize_t)iv_len) {
		struct content content = {seal->enc, seal->cek.data, {header, strlen(header)}, iv};

		code = content_encrypt(&content, seal->plaintext, ciphertext, tag);
	}
	if (code == CEK_JWE_OK)
		token = compact_join(&(struct compact_octets){
			.header = {header, strlen(header)},
			.encrypted_key = seal->encrypted_key,
			.iv = {iv, iv_len},
			.ciphertext = {ciphertext, len},
			.tag = {tag, content_tag_len(seal->enc)},
		});
	free(ciphertext);
	free(header);
	if (!token)
		return jwe_error_code(error, CEK_JWE_NOMEM);
	*ret_token = token;
	return jwe_error_code(error, CEK_JWE_OK);
}
