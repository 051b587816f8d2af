/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token in a request (RFC 6750 section 2.1), and the Authorization header that goes upstream in its place.
 */
#pragma once

#include "gateways/nginx/data.h"

/* The token: NGX_OK; NGX_DECLINED: there is none; NGX_ABORT: what came is none, or several; NGX_ERROR: no memory. */
ngx_int_t ngx_cekd_bearer_find(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf);

/* After the token was accepted. NGX_OK or NGX_ERROR. */
ngx_int_t ngx_cekd_bearer_forward(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf);

/* The client's bearer token must not go upstream: it was not accepted, but something else let the request through. */
ngx_int_t ngx_cekd_bearer_strip(ngx_http_request_t *r);
