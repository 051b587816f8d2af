/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <jansson.h>

#include "gateways/nginx/self.h"
#include "gateways/nginx/value.h"

enum { CONTROL_END = 0x20, DELETE = 0x7f };

static bool has_control(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((unsigned char)text[i] < CONTROL_END || text[i] == DELETE)
			return true;
	return false;
}

ngx_int_t ngx_cekd_text(struct ngx_cekd_ctx *ctx, const char *text, size_t len, ngx_str_t *ret_text)
{
	u_char *copy;

	*ret_text = (ngx_str_t)ngx_null_string;
	if (len == 0 || has_control(text, len))
		return NGX_OK;
	copy = ngx_cekd_secret(ctx, len);
	if (!copy)
		return NGX_ERROR;
	memcpy(copy, text, len);
	*ret_text = (ngx_str_t){len, copy};
	return NGX_OK;
}

/* How long the element is that stands here in a list without white space: one that is neither list nor object. */
static size_t spelled(const char *json, const char *end)
{
	const char *at = json;

	if (*at != '"') {
		while (at < end && *at != ',' && *at != ']')
			at++;
		return (size_t)(at - json);
	}
	for (at++; at < end && *at != '"'; at++)
		at += *at == '\\';
	return (size_t)(at + 1 - json);
}

/* The element as text behind the len bytes in text; json is how it is spelled, which is no shorter. false: it is none
 * that a list can have. */
static bool append(char *text, size_t *len, const json_t *element, const char *json, size_t json_len)
{
	const char *value = json_is_string(element) ? json_string_value(element) : json;
	size_t n = json_is_string(element) ? json_string_length(element) : json_len;

	if (json_is_object(element) || json_is_array(element) || n > json_len || memchr(value, ',', n))
		return false;
	memcpy(text + *len, value, n);
	*len += n;
	return true;
}

/* The list's own text, without brackets, quotes and escapes: that much room is enough. */
static bool join(const json_t *array, const struct cek_bytes *json, char *text, size_t *ret_len)
{
	const char *at = (const char *)json->data + 1, *end = (const char *)json->data + json->len;
	const json_t *element;
	size_t len = 0, i, n;

	json_array_foreach(array, i, element)
	{
		n = spelled(at, end);
		if (i > 0)
			text[len++] = ',';
		if (!append(text, &len, element, at, n))
			return false;
		at += n + 1;
	}
	*ret_len = len;
	return true;
}

static ngx_int_t array_text(struct ngx_cekd_ctx *ctx, const struct cek_bytes *json, ngx_str_t *ret_text)
{
	char *text = (char *)ngx_cekd_secret(ctx, json->len);
	/* Integers that jansson cannot hold are no fault. */
	json_t *array = json_loadb(json->data, json->len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
	ngx_int_t rc = NGX_OK;
	size_t len;

	*ret_text = (ngx_str_t)ngx_null_string;
	if (!text || !array)
		rc = NGX_ERROR;
	else if (join(array, json, text, &len))
		rc = ngx_cekd_text(ctx, text, len, ret_text);
	json_decref(array);
	return rc;
}

ngx_int_t ngx_cekd_value_text(struct ngx_cekd_ctx *ctx, const struct cek_jwt_value *value, ngx_str_t *ret_text)
{
	switch (value->type) {
	case CEK_JWT_STRING:
	case CEK_JWT_INTEGER:
	case CEK_JWT_REAL:
	case CEK_JWT_BOOL:
	case CEK_JWT_OBJECT:
		return ngx_cekd_text(ctx, value->text.data, value->text.len, ret_text);
	case CEK_JWT_ARRAY:
		return array_text(ctx, &value->text, ret_text);
	default:
		*ret_text = (ngx_str_t)ngx_null_string;
		return NGX_OK;
	}
}

ngx_int_t ngx_cekd_json_text(struct ngx_cekd_ctx *ctx, struct cek_bytes json, ngx_str_t *ret_text)
{
	u_char *copy = ngx_cekd_secret(ctx, json.len);
	size_t i;

	if (!copy)
		return NGX_ERROR;
	/* In JSON a control character stands outside of strings alone (RFC 8259 section 7), but for DEL. */
	for (i = 0; i < json.len; i++) {
		copy[i] = ((const u_char *)json.data)[i];
		if (copy[i] < CONTROL_END || copy[i] == DELETE)
			copy[i] = ' ';
	}
	*ret_text = (ngx_str_t){json.len, copy};
	return NGX_OK;
}
