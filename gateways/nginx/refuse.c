/* SPDX-License-Identifier: Apache-2.0 */
#include "gateways/nginx/refuse.h"
#include "gateways/nginx/counters.h"
#include "gateways/nginx/self.h"

static const struct {
	const char *name;
	ngx_int_t status;
	const char *error; /* RFC 6750 section 3.1 */
	ngx_uint_t level;
} reasons[NGX_CEKD_REASONS] = {
	[NGX_CEKD_ACCEPTED] = {"accepted", NGX_OK, NULL, NGX_LOG_DEBUG},
	[NGX_CEKD_NO_TOKEN] = {"no_token", NGX_HTTP_UNAUTHORIZED, NULL, NGX_LOG_INFO},
	[NGX_CEKD_MALFORMED] = {"malformed", NGX_HTTP_UNAUTHORIZED, "invalid_token", NGX_LOG_INFO},
	[NGX_CEKD_POLICY] = {"policy", NGX_HTTP_UNAUTHORIZED, "invalid_token", NGX_LOG_INFO},
	[NGX_CEKD_NO_KEY] = {"no_key", NGX_HTTP_UNAUTHORIZED, "invalid_token", NGX_LOG_INFO},
	[NGX_CEKD_TOO_LARGE] = {"too_large", NGX_HTTP_UNAUTHORIZED, "invalid_token", NGX_LOG_INFO},
	[NGX_CEKD_FAILED] = {"failed", NGX_HTTP_UNAUTHORIZED, "invalid_token", NGX_LOG_INFO},
	[NGX_CEKD_CLAIM] = {"claim", NGX_HTTP_UNAUTHORIZED, "invalid_token", NGX_LOG_INFO},
	[NGX_CEKD_LISTED] = {"listed", NGX_HTTP_UNAUTHORIZED, "invalid_token", NGX_LOG_INFO},
	[NGX_CEKD_REQUIRED] = {"required", NGX_HTTP_UNAUTHORIZED, "invalid_token", NGX_LOG_INFO},
	[NGX_CEKD_FORBIDDEN] = {"forbidden", NGX_HTTP_FORBIDDEN, "insufficient_scope", NGX_LOG_INFO},
	[NGX_CEKD_SCOPE] = {"scope", NGX_HTTP_FORBIDDEN, "insufficient_scope", NGX_LOG_INFO},
	[NGX_CEKD_UNAVAILABLE] = {"unavailable", NGX_HTTP_SERVICE_UNAVAILABLE, NULL, NGX_LOG_WARN},
	[NGX_CEKD_NO_MEMORY] = {"no_memory", NGX_HTTP_SERVICE_UNAVAILABLE, NULL, NGX_LOG_ERR},
	[NGX_CEKD_DENIED] = {"denied", NGX_HTTP_INTERNAL_SERVER_ERROR, NULL, NGX_LOG_ERR},
	[NGX_CEKD_INTERNAL] = {"internal", NGX_HTTP_INTERNAL_SERVER_ERROR, NULL, NGX_LOG_ERR},
};

const char *ngx_cekd_reason_name(enum ngx_cekd_reason reason)
{
	return reasons[reason].name;
}

static enum ngx_cekd_reason reason_of_code(const struct cek_jwe_error *error)
{
	switch (error->code) {
	case CEK_JWE_OK:
		return NGX_CEKD_ACCEPTED;
	case CEK_JWE_MALFORMED:
		return NGX_CEKD_MALFORMED;
	case CEK_JWE_POLICY:
		return NGX_CEKD_POLICY;
	case CEK_JWE_NO_KEY:
		return NGX_CEKD_NO_KEY;
	case CEK_JWE_TOO_LARGE:
		return NGX_CEKD_TOO_LARGE;
	case CEK_JWE_FAILED:
		return NGX_CEKD_FAILED;
	case CEK_JWT_CLAIM:
		return NGX_CEKD_CLAIM;
	case CEK_JWT_SCOPE:
		return NGX_CEKD_SCOPE;
	case CEK_JWE_NOMEM:
		return NGX_CEKD_NO_MEMORY;
	case CEK_JWE_DENIED:
		return NGX_CEKD_DENIED;
	default: /* CANCELLED: by a worker that ends at once */
		return error->temporary || error->status == CEK_E_CANCELLED ? NGX_CEKD_UNAVAILABLE : NGX_CEKD_INTERNAL;
	}
}

static void tell(const ngx_http_request_t *r, enum ngx_cekd_reason reason, const char *why, const char *details)
{
	ngx_log_t log = ngx_cekd_log(r);

	ngx_log_error(reasons[reason].level, &log, 0, "auth_jwt: %s%s%s, client: %V", why, *details ? ": " : "",
		details, &r->connection->addr_text);
}

enum ngx_cekd_reason ngx_cekd_reason_of(const ngx_http_request_t *r, const struct cek_jwe_error *error)
{
	enum ngx_cekd_reason reason = reason_of_code(error);

	if (reason != NGX_CEKD_ACCEPTED)
		tell(r, reason, cek_jwe_code_text(error->code), error->details);
	return reason;
}

enum ngx_cekd_reason ngx_cekd_refused(const ngx_http_request_t *r, enum ngx_cekd_reason reason, const char *why)
{
	tell(r, reason, why, "");
	return reason;
}

static ngx_table_elt_t *header_add(ngx_http_request_t *r, ngx_table_elt_t *header)
{
	if (!header)
		header = ngx_list_push(&r->headers_out.headers);
	if (header)
		ngx_memzero(header, sizeof(*header));
	return header;
}

/* Text inside of quotes: without what would end them, or the header. */
static u_char *quoted(u_char *to, const ngx_str_t *text)
{
	size_t i;

	for (i = 0; i < text->len; i++)
		if (text->data[i] >= ' ' && text->data[i] < 0x7f && text->data[i] != '"' && text->data[i] != '\\')
			*to++ = text->data[i];
	return to;
}

static size_t scopes_len(const struct ngx_cekd_conf *conf)
{
	size_t len = 0, i;

	for (i = 0; conf->scopes && conf->scopes[i]; i++)
		len += ngx_strlen(conf->scopes[i]) + 1;
	return len;
}

static u_char *challenge(u_char *to, const struct ngx_cekd_conf *conf, const ngx_str_t *realm, const char *error,
	bool scope)
{
	size_t i;

	to = quoted(ngx_cpymem(to, "Bearer realm=\"", sizeof("Bearer realm=\"") - 1), realm);
	*to++ = '"';
	if (error)
		to = ngx_sprintf(to, ", error=\"%s\"", error);
	if (scope) {
		to = ngx_cpymem(to, ", scope=\"", sizeof(", scope=\"") - 1);
		for (i = 0; conf->scopes[i]; i++)
			to = ngx_sprintf(to, "%s%s", i > 0 ? " " : "", conf->scopes[i]);
		*to++ = '"';
	}
	return to;
}

static ngx_int_t add_challenge(struct ngx_cekd_ctx *ctx)
{
	const struct ngx_cekd_conf *conf = ctx->conf;
	enum ngx_cekd_reason reason = ctx->reason;
	ngx_http_request_t *r = ctx->request;
	ngx_table_elt_t *header;
	ngx_str_t realm;
	u_char *value, *end;

	if (ngx_http_complex_value(r, conf->realm, &realm) != NGX_OK)
		return NGX_ERROR;
	value = ngx_pnalloc(r->pool, realm.len + scopes_len(conf) + NGX_CEKD_CHALLENGE_MAX);
	/* The one of before, if this request was refused elsewhere already: an error page may be. */
	header = value ? header_add(r, r->headers_out.www_authenticate) : NULL;
	if (!header)
		return NGX_ERROR;
	end = challenge(value, conf, &realm, reasons[reason].error, reason == NGX_CEKD_SCOPE && conf->scopes);
	header->hash = 1;
	ngx_str_set(&header->key, "WWW-Authenticate");
	header->value = (ngx_str_t){(size_t)(end - value), value};
	r->headers_out.www_authenticate = ctx->challenge = header;
	return NGX_OK;
}

static ngx_int_t add_retry_after(struct ngx_cekd_ctx *ctx)
{
	ctx->retry_after = header_add(ctx->request, ctx->retry_after);
	if (!ctx->retry_after)
		return NGX_ERROR;
	ctx->retry_after->hash = 1;
	ngx_str_set(&ctx->retry_after->key, "Retry-After");
	ngx_str_set(&ctx->retry_after->value, "1");
	return NGX_OK;
}

static ngx_table_elt_t *header_drop(ngx_table_elt_t *header)
{
	if (header)
		header->hash = 0; /* nginx sends none of these */
	return NULL;
}

void ngx_cekd_refusal_drop(ngx_http_request_t *r)
{
	struct ngx_cekd_ctx *ctx = ngx_cekd_ctx(r);

	if (!ctx || (ngx_uint_t)reasons[ctx->reason].status == r->headers_out.status)
		return;
	if (ctx->challenge && r->headers_out.www_authenticate == ctx->challenge)
		r->headers_out.www_authenticate = NULL;
	ctx->challenge = header_drop(ctx->challenge);
	ctx->retry_after = header_drop(ctx->retry_after);
}

ngx_int_t ngx_cekd_answer(struct ngx_cekd_ctx *ctx)
{
	ngx_int_t rc = NGX_OK, status = reasons[ctx->reason].status;

	if (ctx->told)
		return status;
	ctx->told = true;
	ngx_cekd_count(ngx_cekd_main(ctx->request), ctx->reason);
	if (status == NGX_HTTP_UNAUTHORIZED || status == NGX_HTTP_FORBIDDEN)
		rc = add_challenge(ctx);
	else if (status == NGX_HTTP_SERVICE_UNAVAILABLE)
		rc = add_retry_after(ctx);
	return rc == NGX_OK ? status : NGX_HTTP_INTERNAL_SERVER_ERROR;
}
