/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateways/nginx/self.h"

static const ngx_module_t *self;
static ngx_pool_cleanup_pt ctx_cleanup;

void ngx_cekd_set_self(const ngx_module_t *module)
{
	self = module;
}

struct ngx_cekd_main *ngx_cekd_conf_main(const ngx_conf_t *cf)
{
	return ((ngx_http_conf_ctx_t *)cf->ctx)->main_conf[self->ctx_index];
}

struct ngx_cekd_main *ngx_cekd_main(const ngx_http_request_t *r)
{
	return r->main_conf[self->ctx_index];
}

const struct ngx_cekd_conf *ngx_cekd_conf(const ngx_http_request_t *r)
{
	return r->loc_conf[self->ctx_index];
}

const struct ngx_cekd_conf *ngx_cekd_conf_merged(const ngx_conf_t *cf)
{
	return ((ngx_http_conf_ctx_t *)cf->ctx)->loc_conf[self->ctx_index];
}

struct ngx_cekd_ctx *ngx_cekd_ctx(const ngx_http_request_t *r)
{
	ngx_pool_cleanup_t *cleanup;

	if (r->main->ctx[self->ctx_index])
		return r->main->ctx[self->ctx_index];
	/* An internal redirect forgets the contexts of all modules. */
	for (cleanup = r->pool->cleanup; cleanup && ctx_cleanup; cleanup = cleanup->next)
		if (cleanup->handler == ctx_cleanup)
			return cleanup->data;
	return NULL;
}

struct ngx_cekd_ctx *ngx_cekd_ctx_make(ngx_http_request_t *r, ngx_pool_cleanup_pt handler)
{
	struct ngx_cekd_ctx *ctx;
	ngx_pool_cleanup_t *cleanup;

	ctx_cleanup = handler;
	ctx = ngx_cekd_ctx(r);
	if (!ctx) {
		cleanup = ngx_pool_cleanup_add(r->pool, sizeof(*ctx));
		if (!cleanup)
			return NULL;
		ctx = cleanup->data;
		*ctx = (struct ngx_cekd_ctx){.request = r->main};
		cleanup->handler = handler;
	}
	r->main->ctx[self->ctx_index] = ctx;
	return ctx;
}

u_char *ngx_cekd_secret(struct ngx_cekd_ctx *ctx, size_t len)
{
	struct ngx_cekd_secret *secret = ngx_palloc(ctx->request->pool, sizeof(*secret));
	u_char *data = ngx_pnalloc(ctx->request->pool, len);

	if (!secret || !data)
		return NULL;
	*secret = (struct ngx_cekd_secret){ctx->secrets, data, len};
	ctx->secrets = secret;
	return data;
}

void ngx_cekd_wipe(struct ngx_cekd_ctx *ctx)
{
	for (; ctx->secrets; ctx->secrets = ctx->secrets->next)
		explicit_bzero(ctx->secrets->data, ctx->secrets->len);
}

ngx_log_t ngx_cekd_log(const ngx_http_request_t *r)
{
	ngx_log_t log = *r->connection->log;

	log.handler = NULL;
	return log;
}
