/* SPDX-License-Identifier: Apache-2.0 */
#include "gateways/nginx/service.h"
#include "gateways/nginx/conn.h"
#include "gateways/nginx/promise.h"
#include "gateways/nginx/ready.h"
#include "gateways/nginx/self.h"

struct service {
	ngx_flag_t answer;
	ngx_array_t *promises;
	struct ngx_cekd_ready ready;
};

static char *promise(ngx_conf_t *cf, ngx_command_t *command, void *conf)
{
	return ngx_cekd_promise_add(cf, &((struct service *)conf)->promises);
}

static ngx_int_t ready(ngx_http_request_t *r)
{
	struct service *service = ngx_http_get_module_loc_conf(r, ngx_http_cekd_service_module);

	return ngx_cekd_ready(r, &service->ready);
}

static char *set_ready(ngx_conf_t *cf, ngx_command_t *command, void *data)
{
	static char duplicate[] = "is duplicate", no_time[] = "has no time, as in \"5s\"";
	ngx_http_core_loc_conf_t *core = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
	struct service *service = data;
	ngx_str_t *words = cf->args->elts, socket;
	ngx_int_t max_age = ngx_parse_time(&words[2], 0);

	if (service->ready.peer)
		return duplicate;
	if (ngx_cekd_socket(cf, &words[1], &socket) != NGX_OK)
		return NGX_CONF_ERROR;
	if (max_age < 0)
		return no_time;
	service->ready.max_age = (ngx_msec_t)max_age;
	service->ready.peer = ngx_cekd_peer_get(cf, &socket, 0, 0);
	core->handler = ready;
	return service->ready.peer ? NGX_CONF_OK : NGX_CONF_ERROR;
}

static ngx_command_t commands[] = {
	{ngx_string("auth_jwt_answer"), NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
		NGX_HTTP_LOC_CONF_OFFSET, offsetof(struct service, answer), NULL},
	{ngx_string("auth_jwt_promise"), NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_TAKE2, promise,
		NGX_HTTP_LOC_CONF_OFFSET, 0, NULL},
	{ngx_string("auth_jwt_ready"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE2, set_ready, NGX_HTTP_LOC_CONF_OFFSET, 0,
		NULL},
	ngx_null_command,
};

/* Before the token is looked at: what is refused for its form asks cekd nothing. */
static ngx_int_t before(ngx_http_request_t *r)
{
	const struct service *service = ngx_http_get_module_loc_conf(r, ngx_http_cekd_service_module);

	if (!service->answer || r != r->main)
		return NGX_DECLINED;
	if (r->headers_in.content_length_n > 0 || r->headers_in.chunked)
		return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
	return NGX_DECLINED;
}

static ngx_http_output_header_filter_pt next_filter;

/* A cache of answers would outlive the key that made them, and hold tokens. 404, 405 and 414 are kept by caches that
 * are not told otherwise (RFC 9110 section 15.1), so it is all answers, also those to what never came to a location. */
static ngx_int_t filter(ngx_http_request_t *r)
{
	static const ngx_str_t name = ngx_string("Cache-Control"), value = ngx_string("no-store");
	const struct service *service = ngx_http_get_module_loc_conf(r, ngx_http_cekd_service_module);

	if (service->answer && r == r->main && ngx_cekd_header(r, &name, &value) != NGX_OK)
		return NGX_ERROR;
	return next_filter(r);
}

static ngx_int_t answer(ngx_http_request_t *r)
{
	const struct service *service = ngx_http_get_module_loc_conf(r, ngx_http_cekd_service_module);

	/* A location without a profile has other handlers. */
	if (!service->answer || !service->promises)
		return NGX_DECLINED;
	if (ngx_http_discard_request_body(r) != NGX_OK || ngx_cekd_promise_keep(r, service->promises) != NGX_OK)
		return NGX_HTTP_INTERNAL_SERVER_ERROR;
	r->headers_out.status = NGX_HTTP_OK;
	r->headers_out.content_length_n = 0;
	r->header_only = 1;
	/* If-Match and its like, where a gateway hands them on, are about the API's answer: none of 304 and 412 here.
	 */
	r->disable_not_modified = 1;
	return ngx_http_send_header(r);
}

static void *create(ngx_conf_t *cf)
{
	struct service *service = ngx_palloc(cf->pool, sizeof(*service));

	if (service)
		*service = (struct service){.answer = NGX_CONF_UNSET, .promises = NGX_CONF_UNSET_PTR};
	return service;
}

static char *merge(ngx_conf_t *cf, void *parent, void *child)
{
	const ngx_http_core_loc_conf_t *core = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
	const struct ngx_cekd_conf *conf = ngx_cekd_conf_merged(cf);
	struct service *outer = parent, *inner = child;

	ngx_conf_merge_value(inner->answer, outer->answer, 0);
	ngx_conf_merge_ptr_value(inner->promises, outer->promises, NULL);
	/* The server's own has no name. */
	if (!inner->answer || core->name.len == 0)
		return NGX_CONF_OK;
	if (conf->enabled && !inner->promises) {
		ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
			"location \"%V\" has auth_jwt_answer and no auth_jwt_promise: gateways would let their "
			"clients' own headers pass",
			&core->name);
		return NGX_CONF_ERROR;
	}
	if (!conf->enabled && inner->promises) {
		ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
			"location \"%V\" has auth_jwt_promise and no auth_jwt: it would let everybody in", &core->name);
		return NGX_CONF_ERROR;
	}
	return NGX_CONF_OK;
}

static ngx_int_t add(ngx_conf_t *cf, ngx_uint_t phase, ngx_http_handler_pt handler)
{
	ngx_http_core_main_conf_t *core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
	ngx_http_handler_pt *place = ngx_array_push(&core->phases[phase].handlers);

	if (!place)
		return NGX_ERROR;
	*place = handler;
	return NGX_OK;
}

static ngx_int_t install(ngx_conf_t *cf)
{
	next_filter = ngx_http_top_header_filter;
	ngx_http_top_header_filter = filter;
	return add(cf, NGX_HTTP_PREACCESS_PHASE, before) == NGX_OK && add(cf, NGX_HTTP_CONTENT_PHASE, answer) == NGX_OK
		? NGX_OK
		: NGX_ERROR;
}

static ngx_http_module_t context = {
	.postconfiguration = install,
	.create_loc_conf = create,
	.merge_loc_conf = merge,
};

ngx_module_t ngx_http_cekd_service_module = {
	NGX_MODULE_V1,
	.ctx = &context,
	.commands = commands,
	.type = NGX_HTTP_MODULE,
};
