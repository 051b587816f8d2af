/* SPDX-License-Identifier: Apache-2.0 */
/* header.h */
#include "client/jose/header.h"

#include <string.h>

#include "client/jose/error.h"
#include "client/json/json.h"
#include "proto/base64url.h"

static int malformed(struct cek_jwe_error *error, const char *member, const char *why)
{
	return jwe_error(error, CEK_JWE_MALFORMED, "header, %s: %s", member, why);
}

static bool is_listed(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

/* A string of 1 to max bytes, if it is there. */
static int string_member(const struct jwe_header *header, const char *member, size_t max, const char **ret,
	struct cek_jwe_error *error)
{
	const struct json_node *value = json_tree_member(header->tree.nodes, member);

	if (!value)
		return CEK_JWE_OK;
	if (value->kind != JSON_KIND_STRING)
		return malformed(error, member, "not a string");
	if (value->text_len == 0 || value->text_len > max)
		return malformed(error, member, "empty or too long");
	*ret = value->text;
	return CEK_JWE_OK;
}

static bool has(const struct json_node *object, const char *member)
{
	return json_tree_member(object, member) != NULL;
}

/* NULL if it is not there or no string. */
static const char *string_of(const struct json_node *object, const char *member)
{
	const struct json_node *value = json_tree_member(object, member);

	return value && value->kind == JSON_KIND_STRING ? value->text : NULL;
}

static int parse_alg(struct jwe_header *header, const struct cek_jwe_policy *policy, struct cek_jwe_error *error)
{
	const char *name = NULL, *refusal;
	int code = string_member(header, "alg", HEADER_NAME_MAX, &name, error);

	if (code != CEK_JWE_OK)
		return code;
	if (!name)
		return malformed(error, "alg", "missing");
	refusal = alg_refusal(name);
	if (refusal)
		return jwe_error(error, CEK_JWE_POLICY, "header, alg: %s", refusal);
	header->alg = alg_find(name);
	if (!header->alg)
		return jwe_error(error, CEK_JWE_POLICY, "header, alg: not one that cekd knows");
	if (!is_listed(policy->algs, name))
		return jwe_error(error, CEK_JWE_POLICY, "header, alg: not in the caller's list");
	return CEK_JWE_OK;
}

static int parse_enc(struct jwe_header *header, const struct cek_jwe_policy *policy, struct cek_jwe_error *error)
{
	const char *name = NULL;
	int code = string_member(header, "enc", HEADER_NAME_MAX, &name, error);

	if (code != CEK_JWE_OK)
		return code;
	if (!name)
		return malformed(error, "enc", "missing");
	header->enc = enc_find(name);
	if (!header->enc)
		return jwe_error(error, CEK_JWE_POLICY, "header, enc: not one that cekd knows");
	if (!is_listed(policy->encs, name))
		return jwe_error(error, CEK_JWE_POLICY, "header, enc: not in the caller's list");
	return CEK_JWE_OK;
}

static int parse_zip(struct jwe_header *header, const struct cek_jwe_policy *policy, struct cek_jwe_error *error)
{
	const char *name = NULL;
	int code = string_member(header, "zip", HEADER_NAME_MAX, &name, error);

	if (code != CEK_JWE_OK || !name)
		return code;
	if (strcmp(name, "DEF") != 0)
		return jwe_error(error, CEK_JWE_POLICY, "header, zip: not DEF");
	if (!policy->allow_zip)
		return jwe_error(error, CEK_JWE_POLICY, "header, zip: not allowed by the caller");
	header->zip = true;
	return CEK_JWE_OK;
}

/* base64url of min to max octets. */
static int octets_member(const struct json_node *object, const char *member, size_t min, size_t max, uint8_t *data,
	struct cek_bytes *ret, struct cek_jwe_error *error)
{
	const struct json_node *value = json_tree_member(object, member);
	ssize_t len = -1;

	if (value && value->kind == JSON_KIND_STRING)
		len = b64u_decode(value->text, value->text_len, data, max);
	if (len < (ssize_t)min)
		return malformed(error, member, "missing, not base64url, or of a wrong length");
	*ret = (struct cek_bytes){data, (size_t)len};
	return CEK_JWE_OK;
}

/* RFC 7518 section 4.6.1.1, RFC 8037 section 3.2. Whether the point is on its curve is checked where it is used. */
static int parse_epk(struct jwe_header *header, struct cek_jwe_error *error)
{
	struct cek_public_key *epk = &header->params.epk;
	const struct json_node *json = json_tree_member(header->tree.nodes, "epk");
	const char *kty = string_of(json, "kty"), *crv = string_of(json, "crv");
	const struct curve *curve = crv ? curve_find(crv) : NULL;
	int code;

	if (!json || json->kind != JSON_KIND_OBJECT)
		return malformed(error, "epk", "missing or not an object");
	if (has(json, "d"))
		return malformed(error, "epk", "holds a private key");
	if (!kty || !crv)
		return malformed(error, "epk", "kty or crv missing or not a string");
	if (!curve)
		return jwe_error(error, CEK_JWE_POLICY, "header, epk: a curve that cekd does not know");
	if (strcmp(kty, curve->kty) != 0)
		return malformed(error, "epk", "kty and crv do not fit");
	epk->kty = curve->kty;
	epk->crv = curve->name;
	code = octets_member(json, "x", curve->field_len, curve->field_len, header->x, &epk->x, error);
	if (code == CEK_JWE_OK && strcmp(kty, "EC") == 0)
		code = octets_member(json, "y", curve->field_len, curve->field_len, header->y, &epk->y, error);
	return code;
}

static int parse_params(struct jwe_header *header, struct cek_jwe_error *error)
{
	const struct json_node *all = header->tree.nodes;
	struct cek_alg_params *params = &header->params;
	int code = CEK_JWE_OK;

	switch (header->alg->family) {
	case ALG_RSA_OAEP:
	case ALG_AES_KW:
		break;
	case ALG_AES_GCMKW:
		code = octets_member(all, "iv", GCM_IV_LEN, GCM_IV_LEN, header->iv, &params->iv, error);
		if (code == CEK_JWE_OK)
			code = octets_member(all, "tag", GCM_TAG_LEN, GCM_TAG_LEN, header->tag, &params->tag, error);
		break;
	case ALG_ECDH:
		code = parse_epk(header, error);
		if (code == CEK_JWE_OK && has(all, "apu"))
			code = octets_member(all, "apu", 0, PARTY_INFO_MAX, header->apu, &params->apu, error);
		if (code == CEK_JWE_OK && has(all, "apv"))
			code = octets_member(all, "apv", 0, PARTY_INFO_MAX, header->apv, &params->apv, error);
		break;
	}
	return code;
}

static int parse(struct jwe_header *header, const struct cek_jwe_policy *policy, struct cek_jwe_error *error)
{
	int code;

	if (has(header->tree.nodes, "crit"))
		return jwe_error(error, CEK_JWE_POLICY, "header, crit: no extension is understood");
	code = parse_alg(header, policy, error);
	if (code == CEK_JWE_OK)
		code = parse_enc(header, policy, error);
	if (code == CEK_JWE_OK)
		code = parse_zip(header, policy, error);
	if (code == CEK_JWE_OK)
		code = string_member(header, "kid", KID_MAX, &header->kid, error);
	if (code == CEK_JWE_OK)
		code = string_member(header, "typ", HEADER_NAME_MAX, &header->typ, error);
	if (code == CEK_JWE_OK)
		code = string_member(header, "cty", HEADER_NAME_MAX, &header->cty, error);
	if (code == CEK_JWE_OK)
		code = parse_params(header, error);
	return code;
}

int header_init(struct jwe_header *header, const char *text, size_t len, const struct cek_jwe_policy *policy,
	struct cek_jwe_error *error)
{
	const struct json_tree_bounds bounds = {JSON_DEPTH_MAX, len};
	int code;

	*header = (struct jwe_header){.zip = false};
	switch (json_tree_init(&header->tree, &bounds, text, len)) {
	case JSON_TREE_OK:
		break;
	case JSON_TREE_NOMEM:
		return jwe_error_code(error, CEK_JWE_NOMEM);
	default:
		return jwe_error(error, CEK_JWE_MALFORMED,
			"header: not a JSON object, a member twice, or nested too deep");
	}
	code = parse(header, policy, error);
	if (code != CEK_JWE_OK)
		header_deinit(header);
	return code;
}

void header_deinit(struct jwe_header *header)
{
	json_tree_deinit(&header->tree);
}
