/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JWK Set (RFC 7517) of named keys of cekd, for those who encrypt. Each worker keeps the last good one: it is asked
 * for anew at each change of cekd's keys, and stays while cekd is away.
 */
#pragma once

#include "gateways/nginx/data.h"

/* Once the socket is known. NULL, or what is wrong, as nginx's handlers of directives say it. */
char *ngx_cekd_jwks_add(ngx_conf_t *cf, struct ngx_cekd_conf *conf);

/* A worker begins: ask for all sets, so that they are there before their first request. */
void ngx_cekd_jwks_begin(struct ngx_cekd_main *main);

/* Before the connections are closed. */
void ngx_cekd_jwks_close(struct ngx_cekd_main *main);

/* A content handler: the set with Cache-Control and ETag, or 503 as long as there was no good one. */
ngx_int_t ngx_cekd_jwks_answer(ngx_http_request_t *r);
