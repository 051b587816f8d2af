/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <string.h>

#include "gateways/nginx/access.h"
#include "gateways/nginx/ask.h"
#include "gateways/nginx/bearer.h"
#include "gateways/nginx/files.h"
#include "gateways/nginx/refuse.h"
#include "gateways/nginx/self.h"
#include "gateways/nginx/verify.h"

/* Nothing of the token is left but what already stands in a header. */
static void drop(struct ngx_cekd_ctx *ctx)
{
	ctx->jwe = cek_jwe_free(ctx->jwe);
	ctx->jwt = cek_jwt_free(ctx->jwt);
	ctx->inner = ctx->reencrypted = (ngx_str_t)ngx_null_string;
}

static void cleanup(void *data)
{
	struct ngx_cekd_ctx *ctx = data;

	ngx_cekd_ask_cancel(ctx);
	drop(ctx);
	ngx_cekd_wipe(ctx);
}

static enum ngx_cekd_reason find(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf)
{
	switch (ngx_cekd_bearer_find(ctx, conf)) {
	case NGX_OK:
		return NGX_CEKD_ACCEPTED;
	case NGX_DECLINED:
		return NGX_CEKD_NO_TOKEN;
	case NGX_ABORT:
		return ngx_cekd_refused(ctx->request, NGX_CEKD_MALFORMED,
			"there is no token, or several, where it should be");
	default:
		return NGX_CEKD_NO_MEMORY;
	}
}

/* Of what has five parts libcek-jose looks at each when it opens it. */
static bool has_five_parts(const ngx_str_t *token)
{
	const u_char *at = token->data, *end = token->data + token->len;
	ngx_uint_t dots;

	for (dots = 0; (at = memchr(at, '.', (size_t)(end - at))); dots++)
		at++;
	return dots == 4;
}

/* A JWS as it came, where the configuration lets one pass, is not opened. */
static void open_token(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf)
{
	bool jwe = has_five_parts(&ctx->token);

	if (conf->type == NGX_CEKD_SIGNED || (conf->type == NGX_CEKD_NESTED && conf->allow_signed && !jwe))
		ctx->inner = ctx->token;
	else if (!jwe)
		ctx->reason = ngx_cekd_refused(ctx->request, NGX_CEKD_MALFORMED, "the token is not encrypted");
	else
		ngx_cekd_ask_open(ctx, conf);
}

/* One step; what it begins may be waited for. */
static void step(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf)
{
	switch (ctx->step++) {
	case NGX_CEKD_FIND:
		ctx->reason = find(ctx, conf);
		break;
	case NGX_CEKD_OPEN:
		open_token(ctx, conf);
		break;
	case NGX_CEKD_VERIFY:
		ctx->reason = ngx_cekd_verify(ctx, conf);
		break;
	case NGX_CEKD_REENCRYPT:
		if (conf->reencrypt)
			ngx_cekd_ask_reencrypt(ctx, conf);
		break;
	case NGX_CEKD_FORWARD:
		if (ngx_cekd_bearer_forward(ctx, conf) != NGX_OK)
			ctx->reason = NGX_CEKD_NO_MEMORY;
		break;
	case NGX_CEKD_DONE:
		break;
	}
}

static void run(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf)
{
	ctx->running = true;
	while (!ctx->waiting && ctx->reason == NGX_CEKD_ACCEPTED && ctx->step < NGX_CEKD_DONE)
		step(ctx, conf);
	ctx->running = false;
	if (!ctx->waiting && ctx->reason != NGX_CEKD_ACCEPTED)
		drop(ctx);
}

static void resume(ngx_http_request_t *r)
{
	const struct ngx_cekd_ctx *ctx = ngx_cekd_ctx(r);

	if (ctx->waiting)
		return;
	r->read_event_handler = ngx_http_block_reading;
	r->write_event_handler = ngx_http_core_run_phases;
	ngx_http_core_run_phases(r);
}

/* A client that leaves is noticed, and the end of its request cancels the question. It may have left already: then no
 * further event tells of it, so that one is made. */
static ngx_int_t suspend(ngx_http_request_t *r)
{
	ngx_event_t *read = r->connection->read;

	if (read->ready) {
		ngx_post_event(read, &ngx_posted_events);
	} else if (ngx_handle_read_event(read, 0) != NGX_OK) {
		return NGX_HTTP_INTERNAL_SERVER_ERROR;
	}
	r->read_event_handler = ngx_http_test_reading;
	r->write_event_handler = resume;
	return NGX_AGAIN;
}

ngx_int_t ngx_cekd_access(ngx_http_request_t *r)
{
	const struct ngx_cekd_conf *conf = ngx_cekd_conf(r);
	struct ngx_cekd_ctx *ctx;

	if (!conf->enabled)
		return NGX_DECLINED;
	ngx_cekd_files_watch(ngx_cekd_main(r));
	ctx = ngx_cekd_ctx_make(r, cleanup);
	if (!ctx)
		return NGX_HTTP_INTERNAL_SERVER_ERROR;
	/* After an internal redirect to where something else is asked for, all begins again. */
	if (ctx->conf != conf) {
		drop(ctx);
		ctx->conf = conf;
		ctx->step = NGX_CEKD_FIND;
		ctx->reason = NGX_CEKD_ACCEPTED;
		ctx->told = false;
		ctx->tried = 0;
		ctx->deadline = ngx_current_msec + conf->timeout;
	}
	run(ctx, conf);
	if (ctx->waiting)
		return suspend(r);
	return ngx_cekd_answer(ctx);
}

ngx_int_t ngx_cekd_precontent(ngx_http_request_t *r)
{
	const struct ngx_cekd_conf *conf = ngx_cekd_conf(r);
	const struct ngx_cekd_ctx *ctx = ngx_cekd_ctx(r);

	if (r != r->main || !conf->enabled || conf->forward == NGX_CEKD_FORWARD_OFF ||
		(ctx && ctx->conf == conf && ctx->reason == NGX_CEKD_ACCEPTED))
		return NGX_DECLINED;
	return ngx_cekd_bearer_strip(r) == NGX_OK ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}
