/* SPDX-License-Identifier: Apache-2.0 */
#include "gateways/nginx/bearer.h"
#include "gateways/nginx/self.h"

static u_char name[] = "Authorization";
static u_char lowcase_name[] = "authorization";
static const u_char scheme[] = "Bearer ";

enum { NAME_LEN = sizeof(name) - 1, SCHEME_LEN = sizeof(scheme) - 1, HEADERS = 20 };

/* Take the scheme and what surrounds the token away; false if the scheme is another. */
static bool bearer(const ngx_str_t *value, ngx_str_t *ret_token)
{
	u_char *start, *end;

	if (value->len < SCHEME_LEN || ngx_strncasecmp(value->data, (u_char *)scheme, SCHEME_LEN) != 0)
		return false;
	end = value->data + value->len;
	for (start = value->data + SCHEME_LEN; start < end && *start == ' ';)
		start++;
	while (end > start && end[-1] == ' ')
		end--;
	*ret_token = (ngx_str_t){(size_t)(end - start), start};
	return true;
}

static bool is_authorization(const ngx_table_elt_t *header)
{
	return header->key.len == NAME_LEN && ngx_strncasecmp(header->key.data, name, NAME_LEN) == 0;
}

/* How many there are. nginx refuses a second one by itself, in the versions that were looked at. */
static ngx_uint_t count(const ngx_http_request_t *r)
{
	const ngx_list_part_t *part;
	ngx_uint_t n = 0, i;

	for (part = &r->headers_in.headers.part; part; part = part->next)
		for (i = 0; i < part->nelts; i++)
			n += is_authorization((const ngx_table_elt_t *)part->elts + i);
	return n;
}

static ngx_int_t from_header(struct ngx_cekd_ctx *ctx)
{
	const ngx_table_elt_t *header = ctx->request->headers_in.authorization;
	ngx_str_t value = ctx->forwarded ? ctx->authorization : header ? header->value : (ngx_str_t)ngx_null_string;

	if (!ctx->forwarded && count(ctx->request) > 1)
		return NGX_ABORT;
	return bearer(&value, &ctx->token) ? NGX_OK : NGX_DECLINED;
}

ngx_int_t ngx_cekd_bearer_find(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf)
{
	ngx_int_t rc;

	if (!conf->token) {
		rc = from_header(ctx);
		if (rc != NGX_OK)
			return rc;
	} else if (ngx_http_complex_value(ctx->request, conf->token, &ctx->token) != NGX_OK) {
		return NGX_ERROR;
	}
	if (ctx->token.len == 0)
		return NGX_DECLINED;
	/* A comma is what joins several headers, a space several words: neither belongs to a token. */
	return cek_jwe_is_b64token(ctx->token.data, ctx->token.len) ? NGX_OK : NGX_ABORT;
}

/* nginx has no way to take a header out of its list, so it gets a list without. What points to the old one's headers
 * goes on to do so. The new one is made where it stays: a list points into itself. */
static ngx_int_t take_out(ngx_http_request_t *r)
{
	const ngx_list_part_t old = r->headers_in.headers.part, *part;
	ngx_table_elt_t *header;
	ngx_uint_t i;

	if (ngx_list_init(&r->headers_in.headers, r->pool, HEADERS, sizeof(ngx_table_elt_t)) != NGX_OK)
		return NGX_ERROR;
	for (part = &old; part; part = part->next)
		for (i = 0; i < part->nelts; i++) {
			if (is_authorization((const ngx_table_elt_t *)part->elts + i))
				continue;
			header = ngx_list_push(&r->headers_in.headers);
			if (!header)
				return NGX_ERROR;
			*header = ((const ngx_table_elt_t *)part->elts)[i];
		}
	r->headers_in.authorization = NULL;
	return NGX_OK;
}

/* The header of the request, a new one if the client sent none. */
static ngx_table_elt_t *header_make(ngx_http_request_t *r)
{
	ngx_table_elt_t *header = r->headers_in.authorization;

	if (header)
		return header;
	header = ngx_list_push(&r->headers_in.headers);
	if (!header)
		return NULL;
	ngx_memzero(header, sizeof(*header));
	header->key = (ngx_str_t){NAME_LEN, name};
	header->lowcase_key = lowcase_name;
	header->hash = ngx_hash_key(lowcase_name, NAME_LEN);
	r->headers_in.authorization = header;
	return header;
}

static ngx_int_t put(ngx_http_request_t *r, const ngx_str_t *value)
{
	ngx_table_elt_t *header = header_make(r);

	if (!header)
		return NGX_ERROR;
	header->value = *value;
	return NGX_OK;
}

static ngx_int_t put_inner(struct ngx_cekd_ctx *ctx)
{
	ngx_str_t value = {SCHEME_LEN + ctx->inner.len, ngx_cekd_secret(ctx, SCHEME_LEN + ctx->inner.len + 1)};

	if (!value.data)
		return NGX_ERROR;
	*ngx_cpymem(ngx_cpymem(value.data, scheme, SCHEME_LEN), ctx->inner.data, ctx->inner.len) = '\0';
	return put(ctx->request, &value);
}

ngx_int_t ngx_cekd_bearer_forward(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf)
{
	const ngx_table_elt_t *header = ctx->request->headers_in.authorization;

	if (conf->forward == NGX_CEKD_FORWARD_OFF && !ctx->forwarded)
		return NGX_OK;
	if (!ctx->forwarded && header)
		ctx->authorization = header->value;
	ctx->forwarded = true;
	if (conf->forward == NGX_CEKD_FORWARD_ON && ctx->inner.len > 0)
		return put_inner(ctx);
	if (conf->forward == NGX_CEKD_FORWARD_OFF && ctx->authorization.len > 0)
		return put(ctx->request, &ctx->authorization); /* it was ours before an internal redirect */
	return header ? take_out(ctx->request) : NGX_OK;
}

/* Others may read more into a header than this module does: a tab for the space, or a list of several. */
static bool may_mean_bearer(const ngx_str_t *value)
{
	size_t len = SCHEME_LEN - 1;
	u_char next = value->len > len ? value->data[len] : ' ';

	return value->len >= len && ngx_strncasecmp(value->data, (u_char *)scheme, len) == 0 &&
		!((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || (next >= '0' && next <= '9') ||
			next == '-' || next == '_');
}

ngx_int_t ngx_cekd_bearer_strip(ngx_http_request_t *r)
{
	const ngx_table_elt_t *header = r->headers_in.authorization;

	return header && may_mean_bearer(&header->value) ? take_out(r) : NGX_OK;
}
