/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ngx_sha1.h>

#include "gateways/nginx/conn.h"
#include "gateways/nginx/jwks.h"
#include "gateways/nginx/jwks_reply.h"
#include "gateways/nginx/self.h"

enum {
	PAUSE_MS = 100,
	PAUSE_MAX_MS = 1000,
	REFUSED_MS = 10000, /* what only a change of keys or rules mends; the watch tells of most */
	FRESH_MAX_MS = 60000,
	FRESH_MIN_MS = 1000,
	SHA1_LEN = 20,
};

static void again_in(struct ngx_cekd_jwks *jwks, ngx_msec_t ms)
{
	if (!jwks->ended)
		ngx_add_timer(&jwks->turn, ms);
}

static void went_wrong(struct ngx_cekd_jwks *jwks, ngx_msec_t ms, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Each fault is told once. */
static void went_wrong(struct ngx_cekd_jwks *jwks, ngx_msec_t ms, const char *format, ...)
{
	char text[sizeof(jwks->said)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (strcmp(text, jwks->said) != 0)
		ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "auth_jwt_cekd_jwks of \"%s\": %s; %s", jwks->names[0],
			text, jwks->json ? "the set of before stays" : "there is no set yet");
	memcpy(jwks->said, text, sizeof(text));
	again_in(jwks, ms);
	if (!jwks->asking)
		ngx_cekd_jwks_release(jwks);
}

static ngx_msec_t next_pause(struct ngx_cekd_jwks *jwks)
{
	jwks->pause = ngx_min(2 * jwks->pause, PAUSE_MAX_MS);
	return jwks->pause;
}

/* Without a watch changes are found by asking. */
static ngx_msec_t fresh_for(const struct ngx_cekd_jwks *jwks)
{
	ngx_msec_t half = jwks->planned ? (ngx_msec_t)jwks->max_age * 500 : FRESH_MAX_MS;

	if (!jwks->watch)
		return jwks->unwatched ? REFUSED_MS : PAUSE_MAX_MS;
	return ngx_max(ngx_min(half, FRESH_MAX_MS), FRESH_MIN_MS);
}

static void keep(struct ngx_cekd_jwks *jwks, char *json, const cek_jwks *keys)
{
	u_char sum[SHA1_LEN], *to = jwks->etag;
	ngx_sha1_t sha1;

	free(jwks->json);
	jwks->json = json;
	ngx_sha1_init(&sha1);
	ngx_sha1_update(&sha1, json, strlen(json));
	ngx_sha1_final(sum, &sha1);
	*to++ = '"';
	to = ngx_hex_dump(to, sum, sizeof(sum));
	*to = '"';
	jwks->max_age = 0;
	jwks->planned = cek_jwks_max_age(keys, &jwks->max_age);
	jwks->answer = ngx_current_msec;
	if (*jwks->said)
		ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0, "auth_jwt_cekd_jwks of \"%s\": in step with cekd",
			jwks->names[0]);
	jwks->said[0] = '\0';
	jwks->pause = PAUSE_MS;
	again_in(jwks, fresh_for(jwks));
	ngx_cekd_jwks_release(jwks);
}

static bool is_usable(const cek_result *result, const char *name)
{
	const struct cek_public_key_entry *entry;

	for (size_t i = 0; (entry = cek_result_public_key(result, i)); i++)
		if (strcmp(entry->key, name) == 0 &&
			(entry->state == CEK_STATE_ACTIVE || entry->state == CEK_STATE_PRE_ACTIVE))
			return true;
	return false;
}

/* An issuer that gets an empty set, or one without its key, fails; with the one of before it goes on. */
static void take(struct ngx_cekd_jwks *jwks, const cek_result *result)
{
	const struct cek_bytes reply = cek_result_reply(result);
	struct cek_jwe_error error;
	cek_jwks *keys = NULL;
	char *json;

	for (size_t i = 0; i < jwks->n_names; i++)
		if (!is_usable(result, jwks->names[i])) {
			went_wrong(jwks, REFUSED_MS, "key \"%s\" has no version to encrypt for", jwks->names[i]);
			return;
		}
	/* The details tell of keys that were passed over. */
	if (cek_jwks_from_reply(reply.data, reply.len, &keys, &error) != CEK_JWE_OK || *error.details ||
		cek_jwks_write(keys, false, &json, &error) != CEK_JWE_OK)
		went_wrong(jwks, next_pause(jwks), "%s %s", cek_jwe_code_text(error.code), error.details);
	else
		keep(jwks, json, keys);
	cek_jwks_free(keys);
}

static void on_set(cek_call *call, cek_result *result, void *userdata);

static void ask(struct ngx_cekd_jwks *jwks)
{
	const struct cek_public_keys args = {.keys = jwks->names, .n_keys = jwks->n_names};
	int r;

	if (jwks->asking)
		return;
	r = cek_public_keys_start(jwks->peer->conn, &args, NGX_CEKD_TIMEOUT, on_set, jwks, &jwks->asking);
	if (r != CEK_OK)
		went_wrong(jwks, next_pause(jwks), "%s", cek_status_text(r));
}

static bool waits_for_change(int status)
{
	return status == CEK_UNKNOWN_KEY || status == CEK_DENIED || status == CEK_MALFORMED;
}

static void failed(struct ngx_cekd_jwks *jwks, const cek_result *result)
{
	int status = cek_result_status(result);

	/* With libcek's back-off a cekd that is there again would be found late. */
	if (status == CEK_E_CONNECT || status == CEK_E_TIMEOUT)
		jwks->peer->refused = true;
	if (status == CEK_E_CANCELLED)
		again_in(jwks, jwks->pause); /* the connection makes room for another one */
	else
		went_wrong(jwks, waits_for_change(status) ? REFUSED_MS : next_pause(jwks), "%s: %s",
			cek_status_name(status), cek_result_message(result));
}

static void on_set(cek_call *call, cek_result *result, void *userdata)
{
	struct ngx_cekd_jwks *jwks = userdata;

	jwks->asking = NULL;
	if (jwks->ended)
		return;
	if (cek_result_status(result) >= CEK_OK)
		jwks->epoch = cek_result_epoch(result);
	if (cek_result_status(result) == CEK_OK)
		take(jwks, result);
	else
		failed(jwks, result);
	if (cek_result_status(result) >= CEK_OK && jwks->watch && jwks->epoch < jwks->news)
		ask(jwks);
}

static void on_news(cek_call *call, cek_result *result, void *userdata)
{
	struct ngx_cekd_jwks *jwks = userdata;
	int status = cek_result_status(result);

	if (status == CEK_OK) {
		jwks->unwatched = false;
		jwks->news = cek_result_epoch(result);
		if (jwks->news != jwks->epoch)
			ask(jwks);
		return;
	}
	jwks->watch = NULL;
	if (jwks->ended)
		return;
	if (status != CEK_DENIED) {
		failed(jwks, result);
		return;
	}
	if (!jwks->unwatched)
		ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
			"auth_jwt_cekd_jwks of \"%s\": cekd lets this user not watch, so it is asked every %d seconds",
			jwks->names[0], REFUSED_MS / 1000);
	jwks->unwatched = true;
	again_in(jwks, REFUSED_MS);
}

static void look(struct ngx_cekd_jwks *jwks)
{
	int r = CEK_OK;

	if (ngx_cekd_peer_open(jwks->peer, ngx_cycle->log) != NGX_OK) {
		again_in(jwks, next_pause(jwks));
		return;
	}
	if (!jwks->watch)
		r = cek_watch_start(jwks->peer->conn, on_news, jwks, &jwks->watch);
	if (r == CEK_OK)
		ask(jwks);
	else
		went_wrong(jwks, next_pause(jwks), "%s", cek_status_text(r));
}

static void due(ngx_event_t *event)
{
	look(event->data);
}

static void begin(struct ngx_cekd_jwks *jwks)
{
	if (jwks->begun)
		return;
	jwks->begun = true;
	jwks->pause = PAUSE_MS;
	/* A worker that ends does not wait for it. */
	jwks->turn = (ngx_event_t){.data = jwks, .handler = due, .log = ngx_cycle->log, .cancelable = 1};
	look(jwks);
}

ngx_int_t ngx_cekd_jwks_answer(ngx_http_request_t *r)
{
	struct ngx_cekd_jwks *jwks = ngx_cekd_conf(r)->jwks;
	ngx_int_t rc;

	if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)))
		return ngx_cekd_jwks_not_allowed(r);
	rc = ngx_http_discard_request_body(r);
	if (rc != NGX_OK)
		return rc;
	begin(jwks); /* an nginx without workers takes a new configuration without beginning anew */
	return jwks->json || !jwks->asking ? ngx_cekd_jwks_reply(r, jwks) : ngx_cekd_jwks_wait(r, jwks);
}

char *ngx_cekd_jwks_add(ngx_conf_t *cf, struct ngx_cekd_conf *conf)
{
	struct ngx_cekd_jwks *jwks = conf->jwks, **place;

	if (jwks->socket.len == 0)
		jwks->socket = conf->socket;
	if (jwks->socket.len == 0) {
		ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
			"auth_jwt_cekd_jwks names no socket, as in \"unix:/run/cekd/cekd.sock\", and there is no "
			"auth_jwt_cekd");
		return NGX_CONF_ERROR;
	}
	ngx_queue_init(&jwks->waiting);
	jwks->peer = ngx_cekd_peer_get(cf, &jwks->socket, 0, 0);
	place = ngx_array_push(&ngx_cekd_conf_main(cf)->jwks);
	if (!jwks->peer || !place)
		return NGX_CONF_ERROR;
	*place = jwks;
	return NGX_CONF_OK;
}

void ngx_cekd_jwks_begin(struct ngx_cekd_main *main)
{
	struct ngx_cekd_jwks **jwks = main->jwks.elts;

	for (ngx_uint_t i = 0; i < main->jwks.nelts; i++)
		begin(jwks[i]);
}

void ngx_cekd_jwks_close(struct ngx_cekd_main *main)
{
	struct ngx_cekd_jwks **all = main->jwks.elts;

	for (; main->jwks.nelts > 0; main->jwks.nelts--) {
		struct ngx_cekd_jwks *jwks = all[main->jwks.nelts - 1];

		jwks->ended = true;
		if (jwks->turn.timer_set)
			ngx_del_timer(&jwks->turn);
		cek_call_cancel(jwks->watch);
		cek_call_cancel(jwks->asking);
		free(jwks->json);
		jwks->json = NULL;
	}
}
