/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <string.h>

#include "gateways/nginx/promise.h"

struct promise {
	ngx_str_t name;
	ngx_http_complex_value_t value;
};

/* RFC 9110 section 5.6.2. */
static bool is_token(const ngx_str_t *text)
{
	for (size_t i = 0; i < text->len; i++) {
		u_char c = text->data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c))))
			return false;
	}
	return text->len > 0;
}

static bool is(const ngx_str_t *name, const char *other)
{
	return name->len == strlen(other) && ngx_strncasecmp(name->data, (u_char *)other, name->len) == 0;
}

/* What frames the answer itself, or is about the connection. */
static bool is_own(const ngx_str_t *name)
{
	static const char *const own[] = {"Cache-Control", "Connection", "Content-Length", "Content-Type", "Date",
		"Keep-Alive", "Server", "Trailer", "Transfer-Encoding", "Upgrade"};

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (is(name, own[i]))
			return true;
	return false;
}

static bool is_there(const ngx_array_t *promises, const ngx_str_t *name)
{
	const struct promise *promise = promises->elts;

	for (ngx_uint_t i = 0; i < promises->nelts; i++)
		if (promise[i].name.len == name->len &&
			ngx_strncasecmp(promise[i].name.data, name->data, name->len) == 0)
			return true;
	return false;
}

char *ngx_cekd_promise_add(ngx_conf_t *cf, ngx_array_t **promises)
{
	static char no_header[] = "names no header", own[] = "names a header that the answer has by itself",
		    twice[] = "names a header twice";
	ngx_str_t *words = cf->args->elts;
	ngx_http_compile_complex_value_t compile;
	struct promise *promise;

	if (*promises == NGX_CONF_UNSET_PTR)
		*promises = ngx_array_create(cf->pool, 4, sizeof(struct promise));
	if (!*promises)
		return NGX_CONF_ERROR;
	if (!is_token(&words[1]))
		return no_header;
	if (is_own(&words[1]))
		return own;
	if (is_there(*promises, &words[1]))
		return twice;
	promise = ngx_array_push(*promises);
	if (!promise)
		return NGX_CONF_ERROR;
	promise->name = words[1];
	compile = (ngx_http_compile_complex_value_t){.cf = cf, .value = &words[2], .complex_value = &promise->value};
	return ngx_http_compile_complex_value(&compile) == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}

ngx_int_t ngx_cekd_header(ngx_http_request_t *r, const ngx_str_t *name, const ngx_str_t *value)
{
	ngx_table_elt_t *header = ngx_list_push(&r->headers_out.headers);

	if (!header)
		return NGX_ERROR;
	*header = (ngx_table_elt_t){.hash = 1, .key = *name, .value = *value};
	return NGX_OK;
}

/* A line end makes another header; other control characters are no text either. */
static bool may_stand_in_a_header(const ngx_str_t *value)
{
	for (size_t i = 0; i < value->len; i++)
		if (value->data[i] < ' ' || value->data[i] == 0x7f)
			return false;
	return true;
}

ngx_int_t ngx_cekd_promise_keep(ngx_http_request_t *r, const ngx_array_t *promises)
{
	struct promise *promise = promises->elts;

	for (ngx_uint_t i = 0; i < promises->nelts; i++) {
		ngx_str_t value;

		if (ngx_http_complex_value(r, &promise[i].value, &value) != NGX_OK)
			return NGX_ERROR;
		if (!may_stand_in_a_header(&value))
			value.len = 0;
		if (ngx_cekd_header(r, &promise[i].name, &value) != NGX_OK)
			return NGX_ERROR;
	}
	return NGX_OK;
}
