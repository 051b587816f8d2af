/* SPDX-License-Identifier: Apache-2.0 */
/* open.h, and the accessors of cek_jwe. */
#include "client/jose/open.h"

#include <stdlib.h>
#include <string.h>

#include "client/jose/content.h"
#include "client/jose/error.h"
#include "client/jose/locked.h"
#include "client/jose/zip.h"
#include "proto/base64url.h"

struct cek_jwe {
	struct arena *arena; /* the plaintext */
	struct cek_bytes plaintext;
	struct json_tree tree; /* holds kid, typ, cty */
	const struct alg *alg;
	const struct enc *enc;
	const char *kid, *typ, *cty;
	char key[KEY_NAME_MAX + 1];
	char version[KID_MAX + 1];
	bool from_cache;
};

static size_t limit(size_t wanted, size_t by_default, size_t max)
{
	if (wanted == 0)
		return by_default;
	return wanted < max ? wanted : max;
}

static bool has_names(const char *const *names)
{
	return names && names[0];
}

static int check_policy(const struct cek_jwe_policy *policy, struct cek_jwe_error *error)
{
	if (!policy || !has_names(policy->algs) || !has_names(policy->encs))
		return jwe_error(error, CEK_JWE_POLICY, "policy: the lists of alg and enc are mandatory");
	if (policy->key && policy->key_for_kid)
		return jwe_error(error, CEK_JWE_POLICY, "policy: key and key_for_kid exclude each other");
	if (policy->key && !key_name_valid(policy->key))
		return jwe_error(error, CEK_JWE_POLICY, "policy: key is not a key name");
	return CEK_JWE_OK;
}

/* The parts one after another in one allocation; the AAD stays as it is, the header's JSON comes last, for the parser
 * only. */
static int copy_parts(struct pending *pending, const struct compact *parts, struct span *ret_json,
	struct cek_jwe_error *error)
{
	const struct span in[] = {parts->encrypted_key, parts->iv, parts->ciphertext, parts->tag, parts->header};
	static const char *const names[] = {"encrypted key", "iv", "ciphertext", "tag", "header"};
	struct cek_bytes json;
	struct cek_bytes *out[] = {&pending->encrypted_key, &pending->iv, &pending->ciphertext, &pending->tag, &json};
	size_t size = parts->header.len + KEY_NAME_MAX + 1;
	char *to;

	for (size_t i = 0; i < 5; i++)
		size += b64u_decoded_len(in[i].len);
	pending->octets = to = malloc(size);
	if (!to)
		return jwe_error_code(error, CEK_JWE_NOMEM);
	to += KEY_NAME_MAX + 1;
	memcpy(to, parts->header.text, parts->header.len);
	pending->aad = (struct span){to, parts->header.len};
	to += parts->header.len;
	for (size_t i = 0; i < 5; i++) {
		size_t len = b64u_decoded_len(in[i].len);

		if (b64u_decode(in[i].text, in[i].len, (uint8_t *)to, len) < 0)
			return jwe_error(error, CEK_JWE_MALFORMED, "%s: not base64url", names[i]);
		*out[i] = (struct cek_bytes){to, len};
		to += len;
	}
	*ret_json = (struct span){json.data, json.len};
	return CEK_JWE_OK;
}

static int check_lengths(const struct pending *pending, struct cek_jwe_error *error)
{
	const struct alg *alg = pending->header.alg;
	const struct enc *enc = pending->header.enc;
	size_t key_len = pending->encrypted_key.len, len = pending->ciphertext.len;
	bool key_ok;

	if (alg->family == ALG_RSA_OAEP)
		key_ok = key_len >= RSA_BITS_MIN / 8 && key_len <= RSA_BITS_MAX / 8;
	else
		key_ok = key_len == alg_encrypted_key_len(alg, 0, enc->cek_len);
	if (!key_ok)
		return jwe_error(error, CEK_JWE_MALFORMED, "encrypted key: wrong length for alg and enc");
	if (pending->iv.len != content_iv_len(enc))
		return jwe_error(error, CEK_JWE_MALFORMED, "iv: wrong length for enc");
	if (pending->tag.len != content_tag_len(enc))
		return jwe_error(error, CEK_JWE_MALFORMED, "tag: wrong length for enc");
	if (!enc->gcm && (len == 0 || len % CONTENT_BLOCK != 0))
		return jwe_error(error, CEK_JWE_MALFORMED, "ciphertext: not whole blocks");
	if (!pending->header.zip && len > content_ciphertext_len(enc, pending->max_plaintext))
		return jwe_error(error, CEK_JWE_TOO_LARGE, "plaintext: over the limit");
	return CEK_JWE_OK;
}

static int choose_key(struct pending *pending, const struct cek_jwe_policy *policy, struct cek_jwe_error *error)
{
	const char *key = policy->key;

	if (policy->key_for_kid) {
		key = policy->key_for_kid(pending->header.kid, policy->userdata);
		if (!key)
			return jwe_error(error, CEK_JWE_NO_KEY, "header, kid: the caller has no key for it");
		if (!key_name_valid(key))
			return jwe_error(error, CEK_JWE_POLICY, "policy: key_for_kid gave no key name");
	}
	if (!key && !pending->header.kid)
		return jwe_error(error, CEK_JWE_NO_KEY, "header, kid: missing, and the policy names no key");
	if (key) {
		memcpy(pending->octets, key, strlen(key) + 1);
		pending->key = pending->octets;
	}
	return CEK_JWE_OK;
}

static int parse(struct pending *pending, const struct cek_jwe_policy *policy, const char *token, size_t len,
	struct cek_jwe_error *error)
{
	size_t max_header = limit(policy->max_header, CEK_JWE_HEADER_MAX, CEK_JWE_HEADER_MAX);
	struct compact parts;
	struct span json = {NULL, 0};
	int code;

	pending->max_plaintext = limit(policy->max_plaintext, CEK_JWE_PLAINTEXT_DEFAULT, CEK_JWE_TOKEN_MAX);
	pending->max_versions = (unsigned)limit(policy->max_versions, CEK_JWE_VERSIONS_DEFAULT, CEK_JWE_VERSIONS_MAX);
	if (len > limit(policy->max_token, CEK_JWE_TOKEN_DEFAULT, CEK_JWE_TOKEN_MAX))
		return jwe_error(error, CEK_JWE_TOO_LARGE, "token: over the limit");
	if (!compact_split(token, len, &parts))
		return jwe_error(error, CEK_JWE_MALFORMED, "token: not five parts");
	if (b64u_decoded_len(parts.header.len) > max_header)
		return jwe_error(error, CEK_JWE_TOO_LARGE, "header: over the limit");
	code = copy_parts(pending, &parts, &json, error);
	if (code == CEK_JWE_OK)
		code = header_init(&pending->header, json.text, json.len, policy, error);
	if (code == CEK_JWE_OK)
		code = check_lengths(pending, error);
	if (code == CEK_JWE_OK)
		code = choose_key(pending, policy, error);
	return code;
}

int pending_new(const struct cek_jwe_policy *policy, const char *token, size_t len, struct pending **ret_pending,
	struct cek_jwe_error *error)
{
	struct pending *pending;
	int code = check_policy(policy, error);

	if (code != CEK_JWE_OK)
		return code;
	pending = calloc(1, sizeof(*pending));
	if (!pending)
		return jwe_error_code(error, CEK_JWE_NOMEM);
	code = parse(pending, policy, token, len, error);
	if (code == CEK_JWE_OK)
		*ret_pending = pending;
	else
		pending_free(pending);
	return code;
}

struct pending *pending_free(struct pending *pending)
{
	if (pending) {
		header_deinit(&pending->header);
		free(pending->octets);
		free(pending);
	}
	return NULL;
}

/* A CEK of zeros is what broken senders and broken unwraps have in common. */
static bool is_zero(struct cek_bytes cek)
{
	const uint8_t *data = cek.data;
	uint8_t any = 0;

	for (size_t i = 0; i < cek.len; i++)
		any |= data[i];
	return any == 0;
}

static int decrypt(const struct pending *pending, struct cek_bytes cek, cek_jwe *jwe)
{
	struct cek_bytes aad = {pending->aad.text, pending->aad.len};
	struct content content = {pending->header.enc, cek.data, aad, pending->iv.data};
	uint8_t *out = arena_alloc(jwe->arena, pending->ciphertext.len + 1);
	size_t max = pending->max_plaintext < CEK_JWE_ZIP_MAX ? pending->max_plaintext : CEK_JWE_ZIP_MAX;
	size_t len;
	int code;

	if (!out)
		return CEK_JWE_NOMEM;
	code = content_decrypt(&content, pending->ciphertext, pending->tag.data, out, &len);
	if (code != CEK_JWE_OK)
		return code;
	out[len] = '\0';
	jwe->plaintext = (struct cek_bytes){out, len};
	if (pending->header.zip)
		return zip_inflate(jwe->plaintext, max, jwe->arena, &jwe->plaintext);
	return len <= pending->max_plaintext ? CEK_JWE_OK : CEK_JWE_TOO_LARGE;
}

static void take_header(cek_jwe *jwe, struct jwe_header *header)
{
	jwe->tree = header->tree;
	header->tree = (struct json_tree){0};
	jwe->alg = header->alg;
	jwe->enc = header->enc;
	jwe->kid = header->kid;
	jwe->typ = header->typ;
	jwe->cty = header->cty;
}

int pending_open(struct pending *pending, struct cek_bytes cek, const char *key, const char *version, bool from_cache,
	cek_jwe **ret_jwe)
{
	size_t size = pending->ciphertext.len + CONTENT_BLOCK;
	cek_jwe *jwe;
	int code;

	if (cek.len != pending->header.enc->cek_len || is_zero(cek))
		return CEK_JWE_FAILED;
	if (pending->header.zip)
		size += CEK_JWE_ZIP_MAX + 1 + CONTENT_BLOCK + ZIP_STATE_SIZE;
	jwe = calloc(1, sizeof(*jwe));
	if (!jwe)
		return CEK_JWE_NOMEM;
	jwe->arena = locked_get(size);
	if (!jwe->arena) {
		free(jwe);
		return CEK_JWE_NOMEM;
	}
	code = decrypt(pending, cek, jwe);
	if (code != CEK_JWE_OK) {
		cek_jwe_free(jwe);
		return code;
	}
	take_header(jwe, &pending->header);
	strncpy(jwe->key, key ? key : "", sizeof(jwe->key) - 1);
	strncpy(jwe->version, version ? version : "", sizeof(jwe->version) - 1);
	jwe->from_cache = from_cache;
	*ret_jwe = jwe;
	return CEK_JWE_OK;
}

cek_jwe *cek_jwe_free(cek_jwe *jwe)
{
	if (jwe) {
		locked_put(jwe->arena);
		json_tree_deinit(&jwe->tree);
		free(jwe);
	}
	return NULL;
}

struct cek_bytes cek_jwe_plaintext(const cek_jwe *jwe)
{
	return jwe->plaintext;
}

const char *cek_jwe_alg(const cek_jwe *jwe)
{
	return jwe->alg->name;
}

const char *cek_jwe_enc(const cek_jwe *jwe)
{
	return jwe->enc->name;
}

const char *cek_jwe_kid(const cek_jwe *jwe)
{
	return jwe->kid;
}

const char *cek_jwe_typ(const cek_jwe *jwe)
{
	return jwe->typ;
}

const char *cek_jwe_cty(const cek_jwe *jwe)
{
	return jwe->cty;
}

const char *cek_jwe_key(const cek_jwe *jwe)
{
	return jwe->key;
}

const char *cek_jwe_version(const cek_jwe *jwe)
{
	return jwe->version;
}

bool cek_jwe_from_cache(const cek_jwe *jwe)
{
	return jwe->from_cache;
}
