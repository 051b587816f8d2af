/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "gateways/nginx/ask.h"
#include "gateways/nginx/conn.h"
#include "gateways/nginx/counters.h"
#include "gateways/nginx/names.h"
#include "gateways/nginx/refuse.h"
#include "gateways/nginx/self.h"

enum { AGAIN_MS = 100, LOST_MAX = 2 };

static bool prepare(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf)
{
	if (ngx_cekd_peer_open(conf->peer, ctx->request->connection->log) != NGX_OK) {
		ctx->reason = NGX_CEKD_NO_MEMORY;
		return false;
	}
	ctx->peer = conf->peer;
	ngx_cekd_peer_begin(ctx->peer);
	ctx->waiting = true;
	return true;
}

static int remaining(const struct ngx_cekd_ctx *ctx)
{
	ngx_msec_int_t left = (ngx_msec_int_t)(ctx->deadline - ngx_current_msec);

	return left > 0 ? (int)left : 0;
}

/* The request goes on when libcek has returned: it may end, and ask again. */
static void go_on(struct ngx_cekd_ctx *ctx)
{
	ctx->waiting = false;
	if (!ctx->running) {
		ngx_post_event(ctx->request->connection->write, &ngx_posted_events);
	}
}

static void again_due(ngx_event_t *event)
{
	go_on(event->data);
}

/* A cekd that restarts is away for a moment. libcek waits for one that it knows, but a worker that has just begun knows
 * none; and it repeats a question once, but cekd's connection may end twice then. Not for ever: a token may be what
 * ends it. */
static bool ask_again(struct ngx_cekd_ctx *ctx, const struct cek_jwe_error *error)
{
	if (error->status == CEK_E_CONNECT)
		ctx->peer->refused = true;
	else if (error->status != CEK_E_DISCONNECTED || ctx->lost++ >= LOST_MAX)
		return false;
	if (remaining(ctx) <= AGAIN_MS)
		return false;
	ctx->step--;
	ctx->again = (ngx_event_t){.data = ctx, .handler = again_due, .log = ctx->request->connection->log};
	ngx_add_timer(&ctx->again, AGAIN_MS);
	return true;
}

static ngx_uint_t count(ngx_cekd_list keys)
{
	ngx_uint_t n = 0;

	while (keys[n])
		n++;
	return n;
}

/* With several keys each question names one of them, so that cekd unwraps with no other, whatever the kid says. Which
 * one it is of is remembered: only where to begin, and looked up once, as other requests write there meanwhile. */
static const char *key_for_kid(const char *kid, void *userdata)
{
	struct ngx_cekd_ctx *ctx = userdata;

	if (!kid)
		return NULL;
	ctx->hint = ngx_hash_key((u_char *)kid, strlen(kid)) % NGX_CEKD_HINTS;
	if (ctx->tried == 0)
		ctx->begin = ctx->peer->hints[ctx->hint];
	return ctx->conf->keys[(ctx->begin + ctx->tried) % count(ctx->conf->keys)];
}

/* Whether another key is asked about: one that this user may not use counts as one that the token is not for. */
static bool ask_next(struct ngx_cekd_ctx *ctx, const struct cek_jwe_error *error)
{
	if (ctx->step != NGX_CEKD_VERIFY || error->code != CEK_JWE_NO_KEY || error->status == CEK_OK)
		return false;
	return ++ctx->tried < count(ctx->conf->keys);
}

static void remember(struct ngx_cekd_ctx *ctx)
{
	ngx_uint_t i;

	for (i = 0; ctx->conf->keys[1] && ctx->conf->keys[i]; i++)
		if (strcmp(ctx->conf->keys[i], cek_jwe_key(ctx->jwe)) == 0)
			ctx->peer->hints[ctx->hint] = (uint8_t)i;
}

/* Whether the question has an end, told by ctx->reason. */
static bool answered(struct ngx_cekd_ctx *ctx, const struct cek_jwe_error *error)
{
	ctx->op = NULL;
	ngx_cekd_peer_end(ctx->peer);
	if (ctx->left || ask_again(ctx, error))
		return false;
	if (ask_next(ctx, error)) {
		ctx->step--;
		go_on(ctx);
		return false;
	}
	ctx->reason = ngx_cekd_reason_of(ctx->request, error);
	go_on(ctx);
	return true;
}

static void opened(cek_jwe *jwe, const struct cek_jwe_error *error, void *userdata)
{
	struct ngx_cekd_ctx *ctx = userdata;

	answered(ctx, error);
	if (!jwe)
		return;
	ngx_cekd_count(ngx_cekd_main(ctx->request),
		cek_jwe_from_cache(jwe) ? NGX_CEKD_COUNT_CACHED : NGX_CEKD_COUNT_OPENED);
	if (ngx_cekd_listed(ctx->conf->keys, cek_jwe_key(jwe))) { /* of one key libcek-jose has seen to that */
		ctx->jwe = jwe;
		remember(ctx);
	} else {
		cek_jwe_free(jwe);
		ctx->reason = ngx_cekd_refused(ctx->request, NGX_CEKD_NO_KEY,
			"the token is for a key that auth_jwt_cekd does not name");
	}
}

/* Without a signature the encryption has to tell who made the token, unless the configuration says otherwise. */
static ngx_cekd_list algs_of(const struct ngx_cekd_conf *conf)
{
	if (conf->jwe_algs)
		return conf->jwe_algs;
	return conf->type == NGX_CEKD_ENCRYPTED ? ngx_cekd_secret_algs : ngx_cekd_jwe_algs;
}

void ngx_cekd_ask_open(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf)
{
	struct cek_jwe_policy policy = {
		.algs = algs_of(conf),
		.encs = conf->jwe_encs,
		.key = conf->keys[1] ? NULL : conf->keys[0],
		.key_for_kid = conf->keys[1] ? key_for_kid : NULL,
		.userdata = ctx,
		.max_token = conf->max_token,
		.max_header = conf->max_header,
		.max_plaintext = conf->max_plaintext,
		.allow_zip = conf->allow_zip,
	};
	struct cek_jwe_error error;

	if (!prepare(ctx, conf))
		return;
	policy.cache = ctx->peer->cache;
	if (cek_jwe_decrypt_start(ctx->peer->conn, &policy, (const char *)ctx->token.data, ctx->token.len,
		    remaining(ctx), opened, ctx, &ctx->op, &error) != CEK_JWE_OK)
		answered(ctx, &error);
	else if (!ctx->waiting)
		ctx->op = NULL; /* the cache has answered */
}

/* libcek-jose's token becomes one of the request. */
static void keep(struct ngx_cekd_ctx *ctx, char *token)
{
	size_t len = strlen(token);

	ctx->reencrypted.data = ngx_pnalloc(ctx->request->pool, len);
	if (ctx->reencrypted.data) {
		memcpy(ctx->reencrypted.data, token, len);
		ctx->reencrypted.len = len;
	} else {
		ctx->reason = NGX_CEKD_NO_MEMORY;
	}
	free(token);
}

/* The token that came is good: what else fails is not its sender's fault. */
static void blame_us(struct ngx_cekd_ctx *ctx)
{
	if (ctx->reason != NGX_CEKD_ACCEPTED && ctx->reason != NGX_CEKD_UNAVAILABLE &&
		ctx->reason != NGX_CEKD_NO_MEMORY)
		ctx->reason = NGX_CEKD_INTERNAL;
}

static void encrypted(char *token, const struct cek_jwe_error *error, void *userdata)
{
	struct ngx_cekd_ctx *ctx = userdata;

	if (answered(ctx, error))
		blame_us(ctx);
	if (token)
		keep(ctx, token);
}

static void for_jwk(struct ngx_cekd_ctx *ctx, const struct cek_jwks *keys, const struct cek_jwe_params *params,
	struct cek_bytes plaintext)
{
	struct cek_jwe_error error;
	char *token;

	if (cek_jwe_encrypt_to(cek_jwks_get(keys, 0), params, plaintext.data, plaintext.len, &token, &error) ==
		CEK_JWE_OK)
		keep(ctx, token);
	else
		ctx->reason = ngx_cekd_reason_of(ctx->request, &error);
	blame_us(ctx);
}

void ngx_cekd_ask_reencrypt(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf)
{
	const struct ngx_cekd_reencrypt *to = conf->reencrypt;
	struct cek_jwe_params params = {.key = to->key, .enc = to->enc, .alg = to->alg};
	struct cek_bytes plaintext = cek_jwt_payload(ctx->jwt);
	struct cek_jwe_error error;

	if (ctx->inner.len > 0) {
		plaintext = (struct cek_bytes){ctx->inner.data, ctx->inner.len};
		params.cty = "JWT"; /* RFC 7519 section 5.2 */
	}
	if (to->jwk) {
		for_jwk(ctx, to->jwk->content, &params, plaintext);
		return;
	}
	if (!prepare(ctx, conf))
		return;
	if (cek_jwe_encrypt_start(ctx->peer->conn, &params, plaintext.data, plaintext.len, remaining(ctx), encrypted,
		    ctx, &ctx->op, &error) != CEK_JWE_OK)
		encrypted(NULL, &error, ctx);
}

void ngx_cekd_ask_cancel(struct ngx_cekd_ctx *ctx)
{
	if (!ctx->waiting)
		return;
	ngx_cekd_count(ngx_cekd_main(ctx->request), NGX_CEKD_COUNT_LEFT);
	ctx->left = true;
	if (ctx->again.timer_set)
		ngx_del_timer(&ctx->again);
	cek_jwe_op_cancel(ctx->op);
}
