/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an issuer that asks for a JWK Set gets, and the requests that came before the first one. Statuses are those of
 * nginx's content handlers.
 */
#pragma once

#include "gateways/nginx/data.h"

/* The set, with Cache-Control (RFC 9111) and ETag; 503 with Retry-After if there is none. */
ngx_int_t ngx_cekd_jwks_reply(ngx_http_request_t *r, const struct ngx_cekd_jwks *jwks);

/* For another method than GET and HEAD: 405 with Allow (RFC 9110 section 15.5.6). */
ngx_int_t ngx_cekd_jwks_not_allowed(ngx_http_request_t *r);

/* Reply when cekd has answered: ngx_cekd_jwks_release() is called then. */
ngx_int_t ngx_cekd_jwks_wait(ngx_http_request_t *r, struct ngx_cekd_jwks *jwks);
void ngx_cekd_jwks_release(struct ngx_cekd_jwks *jwks);
