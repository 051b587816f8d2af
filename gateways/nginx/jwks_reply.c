/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "gateways/nginx/conn.h"
#include "gateways/nginx/jwks_reply.h"
#include "gateways/nginx/promise.h"

enum { MAX_AGE = 60 }; /* seconds, of keys without a JWKS max-age */

/* A request that came before the first set. */
struct waiter {
	ngx_queue_t queue;
	ngx_http_request_t *request;
	struct ngx_cekd_jwks *jwks; /* NULL: it waits no more */
};

static ngx_int_t add(ngx_http_request_t *r, const char *name, const char *value)
{
	const ngx_str_t key = {strlen(name), (u_char *)(uintptr_t)name},
			text = {strlen(value), (u_char *)(uintptr_t)value};

	return ngx_cekd_header(r, &key, &text);
}

/* Counted from when cekd said it: an issuer shall not keep the set beyond the next planned change. */
static uint32_t remaining(const struct ngx_cekd_jwks *jwks)
{
	ngx_msec_t age = (ngx_current_msec - jwks->answer + 999) / 1000;

	if (!jwks->planned)
		return MAX_AGE;
	return age < jwks->max_age ? jwks->max_age - (uint32_t)age : 0;
}

/* nginx's own filter compares it with If-None-Match and If-Match. */
static ngx_int_t add_etag(ngx_http_request_t *r, const struct ngx_cekd_jwks *jwks)
{
	ngx_table_elt_t *etag = ngx_list_push(&r->headers_out.headers);
	u_char *value = ngx_pnalloc(r->pool, sizeof(jwks->etag));

	if (!etag || !value) {
		if (etag)
			etag->hash = 0;
		return NGX_ERROR;
	}
	ngx_memcpy(value, jwks->etag, sizeof(jwks->etag));
	*etag = (ngx_table_elt_t){.hash = 1, .key = ngx_string("ETag"), .value = {sizeof(jwks->etag), value}};
	r->headers_out.etag = etag;
	return NGX_OK;
}

static ngx_int_t add_max_age(ngx_http_request_t *r, const struct ngx_cekd_jwks *jwks)
{
	enum { SIZE = sizeof("public, max-age=4294967295") };
	char *value = ngx_pnalloc(r->pool, SIZE);

	if (!value)
		return NGX_ERROR;
	snprintf(value, SIZE, "public, max-age=%u", remaining(jwks));
	return add(r, "Cache-Control", value);
}

ngx_int_t ngx_cekd_jwks_reply(ngx_http_request_t *r, const struct ngx_cekd_jwks *jwks)
{
	size_t len = jwks->json ? strlen(jwks->json) : 0;
	ngx_chain_t chain = {.next = NULL};
	ngx_int_t rc;

	if (!jwks->json)
		return add(r, "Retry-After", "1") == NGX_OK && add(r, "Cache-Control", "no-store") == NGX_OK
			? NGX_HTTP_SERVICE_UNAVAILABLE
			: NGX_HTTP_INTERNAL_SERVER_ERROR;
	chain.buf = ngx_create_temp_buf(r->pool, len); /* the next set may come while this one is sent */
	if (!chain.buf || add_etag(r, jwks) != NGX_OK || add_max_age(r, jwks) != NGX_OK)
		return NGX_HTTP_INTERNAL_SERVER_ERROR;
	chain.buf->last = ngx_cpymem(chain.buf->last, jwks->json, len);
	chain.buf->last_buf = r == r->main;
	chain.buf->last_in_chain = 1;
	r->headers_out.status = NGX_HTTP_OK;
	r->headers_out.content_length_n = (off_t)len;
	ngx_str_set(&r->headers_out.content_type, "application/jwk-set+json");
	r->headers_out.content_type_len = r->headers_out.content_type.len;
	rc = ngx_http_send_header(r);
	return rc == NGX_ERROR || rc > NGX_OK || r->header_only ? rc : ngx_http_output_filter(r, &chain);
}

static void leave(void *data)
{
	struct waiter *waiter = data;

	if (!waiter->jwks)
		return;
	ngx_queue_remove(&waiter->queue);
	ngx_cekd_peer_end(waiter->jwks->peer);
	waiter->jwks = NULL;
}

void ngx_cekd_jwks_release(struct ngx_cekd_jwks *jwks)
{
	while (!ngx_queue_empty(&jwks->waiting)) {
		struct waiter *waiter = ngx_queue_data(ngx_queue_head(&jwks->waiting), struct waiter, queue);
		ngx_http_request_t *r = waiter->request;
		ngx_connection_t *connection = r->connection;

		leave(waiter);
		ngx_http_finalize_request(r, ngx_cekd_jwks_reply(r, jwks));
		ngx_http_run_posted_requests(connection);
	}
}

ngx_int_t ngx_cekd_jwks_wait(ngx_http_request_t *r, struct ngx_cekd_jwks *jwks)
{
	ngx_http_cleanup_t *cleanup = ngx_http_cleanup_add(r, sizeof(struct waiter));
	struct waiter *waiter;

	if (!cleanup)
		return NGX_HTTP_INTERNAL_SERVER_ERROR;
	waiter = cleanup->data;
	*waiter = (struct waiter){.request = r, .jwks = jwks};
	cleanup->handler = leave;
	ngx_queue_insert_tail(&jwks->waiting, &waiter->queue);
	ngx_cekd_peer_begin(jwks->peer);
	r->read_event_handler = ngx_http_test_reading;
	r->main->count++;
	return NGX_DONE;
}

ngx_int_t ngx_cekd_jwks_not_allowed(ngx_http_request_t *r)
{
	return add(r, "Allow", "GET, HEAD") == NGX_OK ? NGX_HTTP_NOT_ALLOWED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}
