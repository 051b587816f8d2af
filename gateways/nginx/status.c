/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "gateways/nginx/counters.h"
#include "gateways/nginx/refuse.h"
#include "gateways/nginx/self.h"
#include "gateways/nginx/status.h"

enum { LINE_MAX_LEN = 200 };

static const struct {
	ngx_uint_t counter;
	const char *name, *help;
} others[] = {
	{NGX_CEKD_COUNT_OPENED, "opened", "Tokens opened with a CEK that cekd unwrapped."},
	{NGX_CEKD_COUNT_CACHED, "opened_from_cache", "Tokens opened with a CEK of the cache."},
	{NGX_CEKD_COUNT_LEFT, "left", "Clients that left while cekd was asked."},
	{NGX_CEKD_COUNT_RELOADED, "files_reloaded", "Files that changed and were read again, by each worker."},
	{NGX_CEKD_COUNT_NOT_RELOADED, "files_not_reloaded",
		"Files that changed and could not be used, by each worker."},
};

enum { OTHERS = sizeof(others) / sizeof(others[0]), SIZE = (NGX_CEKD_REASONS + 3 * OTHERS + 2) * LINE_MAX_LEN };

static u_char *page(const struct ngx_cekd_main *main, u_char *to)
{
	ngx_uint_t i;

	to = ngx_sprintf(to,
		"# HELP auth_jwt_requests_total Requests to where auth_jwt is on, by what came of their token.\n"
		"# TYPE auth_jwt_requests_total counter\n");
	for (i = 0; i < NGX_CEKD_REASONS; i++)
		to = ngx_sprintf(to, "auth_jwt_requests_total{outcome=\"%s\"} %uA\n",
			ngx_cekd_reason_name((enum ngx_cekd_reason)i), ngx_cekd_counted(main, i));
	for (i = 0; i < OTHERS; i++)
		to = ngx_sprintf(to,
			"# HELP auth_jwt_%s_total %s\n# TYPE auth_jwt_%s_total counter\nauth_jwt_%s_total %uA\n",
			others[i].name, others[i].help, others[i].name, others[i].name,
			ngx_cekd_counted(main, others[i].counter));
	return to;
}

static ngx_int_t answer(ngx_http_request_t *r)
{
	ngx_buf_t *buffer;
	ngx_chain_t chain = {.next = NULL};
	ngx_int_t rc;

	if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)))
		return NGX_HTTP_NOT_ALLOWED;
	rc = ngx_http_discard_request_body(r);
	if (rc != NGX_OK)
		return rc;
	buffer = ngx_create_temp_buf(r->pool, SIZE);
	if (!buffer)
		return NGX_HTTP_INTERNAL_SERVER_ERROR;
	buffer->last = page(ngx_cekd_main(r), buffer->last);
	buffer->last_buf = r == r->main;
	buffer->last_in_chain = 1;
	chain.buf = buffer;
	r->headers_out.status = NGX_HTTP_OK;
	r->headers_out.content_length_n = buffer->last - buffer->pos;
	ngx_str_set(&r->headers_out.content_type, "text/plain; version=0.0.4");
	r->headers_out.content_type_len = r->headers_out.content_type.len;
	rc = ngx_http_send_header(r);
	return rc == NGX_ERROR || rc > NGX_OK || r->header_only ? rc : ngx_http_output_filter(r, &chain);
}

char *ngx_cekd_set_status(ngx_conf_t *cf, ngx_command_t *command, void *conf)
{
	ngx_http_core_loc_conf_t *core = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

	core->handler = answer;
	return NGX_CONF_OK;
}
