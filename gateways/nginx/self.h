/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where nginx keeps what belongs to this module. Only module.c knows the module itself, which knows all the others.
 */
#pragma once

#include "gateways/nginx/data.h"

/* Once, before anything of the configuration is read. */
void ngx_cekd_set_self(const ngx_module_t *module);

struct ngx_cekd_main *ngx_cekd_conf_main(const ngx_conf_t *cf);
struct ngx_cekd_main *ngx_cekd_main(const ngx_http_request_t *r);
const struct ngx_cekd_conf *ngx_cekd_conf(const ngx_http_request_t *r);

/* Of the level that nginx merges at the moment. */
const struct ngx_cekd_conf *ngx_cekd_conf_merged(const ngx_conf_t *cf);

/* The request's context, wherever it was redirected since; NULL if there is none. */
struct ngx_cekd_ctx *ngx_cekd_ctx(const ngx_http_request_t *r);

/* The same, made if there is none, with a cleanup that has to be known by find; NULL without memory. */
struct ngx_cekd_ctx *ngx_cekd_ctx_make(ngx_http_request_t *r, ngx_pool_cleanup_pt cleanup);

/* Memory of the request's pool that ngx_cekd_wipe() wipes; NULL without memory. */
u_char *ngx_cekd_secret(struct ngx_cekd_ctx *ctx, size_t len);
void ngx_cekd_wipe(struct ngx_cekd_ctx *ctx);

/* For messages about a token: of the request's log without what nginx adds, as a request line may hold the token. */
ngx_log_t ngx_cekd_log(const ngx_http_request_t *r);
