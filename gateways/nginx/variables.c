/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateways/nginx/refuse.h"
#include "gateways/nginx/self.h"
#include "gateways/nginx/value.h"
#include "gateways/nginx/variables.h"

static ngx_int_t set(ngx_http_variable_value_t *value, const ngx_str_t *text)
{
	value->len = (unsigned)text->len & 0x0fffffff;
	value->data = text->data;
	value->valid = text->data != NULL;
	value->not_found = text->data == NULL;
	value->no_cacheable = 0;
	return NGX_OK;
}

static ngx_int_t set_value(struct ngx_cekd_ctx *ctx, ngx_http_variable_value_t *value,
	const struct cek_jwt_value *claim)
{
	ngx_str_t text;

	return ngx_cekd_value_text(ctx, claim, &text) == NGX_OK ? set(value, &text) : NGX_ERROR;
}

static ngx_int_t set_nothing(ngx_http_variable_value_t *value)
{
	const ngx_str_t nothing = ngx_null_string;

	return set(value, &nothing);
}

static struct ngx_cekd_ctx *accepted(const ngx_http_request_t *r)
{
	struct ngx_cekd_ctx *ctx = ngx_cekd_ctx(r);

	return ctx && ctx->jwt ? ctx : NULL;
}

static ngx_int_t get_claim(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t data)
{
	const char *const *path = (const char *const *)data;
	struct ngx_cekd_ctx *ctx = accepted(r);
	struct cek_jwt_value claim;

	if (!ctx)
		return set_nothing(value);
	claim = cek_jwt_claim(ctx->jwt, path);
	return set_value(ctx, value, &claim);
}

/* Of the header of the token that came: for a JWE what its object tells. */
static ngx_int_t set_header(struct ngx_cekd_ctx *ctx, ngx_http_variable_value_t *value, const char *name)
{
	struct cek_jwt_value header = {.type = CEK_JWT_NONE};
	const struct {
		const char *name;
		const char *(*get)(const cek_jwe *jwe);
	} members[] = {
		{"alg", cek_jwe_alg},
		{"enc", cek_jwe_enc},
		{"kid", cek_jwe_kid},
		{"typ", cek_jwe_typ},
		{"cty", cek_jwe_cty},
	};
	ngx_str_t text = ngx_null_string;
	const char *member = NULL;
	size_t i;

	if (!ctx->jwe) {
		header = cek_jwt_header(ctx->jwt, name);
		return set_value(ctx, value, &header);
	}
	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (strcmp(members[i].name, name) == 0)
			member = members[i].get(ctx->jwe);
	if (member && ngx_cekd_text(ctx, member, strlen(member), &text) != NGX_OK)
		return NGX_ERROR;
	return set(value, &text);
}

static ngx_int_t get_header(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t data)
{
	struct ngx_cekd_ctx *ctx = accepted(r);

	return ctx ? set_header(ctx, value, (const char *)data) : set_nothing(value);
}

enum { NAME_MAX_LEN = 256 };

/* What stands behind the prefix of a variable's name; NULL if it is too long to be a name. */
static const char *suffix(const ngx_str_t *variable, size_t prefix, char *name)
{
	size_t len = variable->len - prefix;

	if (len >= NAME_MAX_LEN)
		return NULL;
	memcpy(name, variable->data + prefix, len);
	name[len] = '\0';
	return name;
}

static ngx_int_t get_named_claim(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t data)
{
	char name[NAME_MAX_LEN];
	const char *const path[] = {suffix((const ngx_str_t *)data, sizeof("jwt_claim_") - 1, name), NULL};

	return path[0] ? get_claim(r, value, (uintptr_t)path) : set_nothing(value);
}

static ngx_int_t get_named_header(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t data)
{
	char name[NAME_MAX_LEN];
	const char *member = suffix((const ngx_str_t *)data, sizeof("jwt_header_") - 1, name);

	return member ? get_header(r, value, (uintptr_t)member) : set_nothing(value);
}

static ngx_int_t get_token(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t data)
{
	const struct ngx_cekd_ctx *ctx = accepted(r);

	return ctx ? set(value, &ctx->inner) : set_nothing(value);
}

/* What was inside of the encryption: a JWT, or claims. */
static ngx_int_t get_payload(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t data)
{
	struct ngx_cekd_ctx *ctx = accepted(r);
	ngx_str_t claims;

	if (!ctx || !ctx->jwe)
		return set_nothing(value);
	if (ctx->inner.len > 0)
		return set(value, &ctx->inner);
	return ngx_cekd_json_text(ctx, cek_jwt_payload(ctx->jwt), &claims) == NGX_OK ? set(value, &claims) : NGX_ERROR;
}

static ngx_int_t get_reencrypted(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t data)
{
	const struct ngx_cekd_ctx *ctx = accepted(r);

	return ctx ? set(value, &ctx->reencrypted) : set_nothing(value);
}

static ngx_int_t get_outcome(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t data)
{
	const struct ngx_cekd_ctx *ctx = ngx_cekd_ctx(r);
	const char *name;

	if (!ctx || !ctx->conf || ctx->waiting)
		return set_nothing(value);
	name = ngx_cekd_reason_name(ctx->reason);
	return set(value, &(ngx_str_t){strlen(name), (u_char *)name});
}

ngx_int_t ngx_cekd_variables_add(ngx_conf_t *cf)
{
	static ngx_http_variable_t all[] = {
		{ngx_string("jwt_claim_"), NULL, get_named_claim, 0, NGX_HTTP_VAR_NOCACHEABLE | NGX_HTTP_VAR_PREFIX, 0},
		{ngx_string("jwt_header_"), NULL, get_named_header, 0, NGX_HTTP_VAR_NOCACHEABLE | NGX_HTTP_VAR_PREFIX,
			0},
		{ngx_string("jwt_payload"), NULL, get_payload, 0, NGX_HTTP_VAR_NOCACHEABLE, 0},
		{ngx_string("jwt_token"), NULL, get_token, 0, NGX_HTTP_VAR_NOCACHEABLE, 0},
		{ngx_string("jwt_reencrypted"), NULL, get_reencrypted, 0, NGX_HTTP_VAR_NOCACHEABLE, 0},
		{ngx_string("jwt_outcome"), NULL, get_outcome, 0, NGX_HTTP_VAR_NOCACHEABLE, 0},
	};
	ngx_http_variable_t *variable;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		variable = ngx_http_add_variable(cf, &all[i].name, all[i].flags);
		if (!variable)
			return NGX_ERROR;
		variable->get_handler = all[i].get_handler;
	}
	return NGX_OK;
}

/* A variable of a name that the configuration gives: "$name member…". data is what its getter gets. */
static char *add(ngx_conf_t *cf, ngx_http_get_variable_pt get, uintptr_t data)
{
	ngx_str_t *words = cf->args->elts, name = words[1];
	ngx_http_variable_t *variable;

	if (name.len < 2 || name.data[0] != '$') {
		ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is no variable, as in \"%V $name sub\"", &name,
			&words[0]);
		return NGX_CONF_ERROR;
	}
	name.data++;
	name.len--;
	variable = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
	if (!variable)
		return NGX_CONF_ERROR;
	variable->get_handler = get;
	variable->data = data;
	return NGX_CONF_OK;
}

char *ngx_cekd_claim_set(ngx_conf_t *cf, ngx_command_t *command, void *conf)
{
	const ngx_str_t *words = cf->args->elts;
	const char **path = ngx_pcalloc(cf->pool, (cf->args->nelts - 1) * sizeof(*path)); /* with its end */
	ngx_uint_t i;

	if (!path)
		return NGX_CONF_ERROR;
	for (i = 2; i < cf->args->nelts; i++)
		path[i - 2] = (const char *)words[i].data;
	return add(cf, get_claim, (uintptr_t)path);
}

char *ngx_cekd_header_set(ngx_conf_t *cf, ngx_command_t *command, void *conf)
{
	const ngx_str_t *words = cf->args->elts;

	return add(cf, get_header, (uintptr_t)words[2].data);
}
