/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A claim as text that may stand in a header.
 */
#pragma once

#include "gateways/nginx/data.h"

/* A string is what it says, a number and a truth as JSON writes them, an array its elements with commas between; an
 * object is JSON. Empty if it is not there, null, has a control character (a line end makes another header) or is an
 * array with a comma in an element or another array or object inside. Of the request's pool and wiped with it;
 * NGX_ERROR without memory. */
ngx_int_t ngx_cekd_value_text(struct ngx_cekd_ctx *ctx, const struct cek_jwt_value *value, ngx_str_t *ret_text);

/* The same for any text. */
ngx_int_t ngx_cekd_text(struct ngx_cekd_ctx *ctx, const char *text, size_t len, ngx_str_t *ret_text);

/* The same for JSON: its line ends, which say nothing, become blanks. */
ngx_int_t ngx_cekd_json_text(struct ngx_cekd_ctx *ctx, struct cek_bytes json, ngx_str_t *ret_text);
