/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module as nginx sees it. ngx_http_cekd_module(7) describes each directive.
 */
#include "gateways/nginx/access.h"
#include "gateways/nginx/conf.h"
#include "gateways/nginx/conn.h"
#include "gateways/nginx/counters.h"
#include "gateways/nginx/directives.h"
#include "gateways/nginx/jwks.h"
#include "gateways/nginx/names.h"
#include "gateways/nginx/refuse.h"
#include "gateways/nginx/self.h"
#include "gateways/nginx/service.h"
#include "gateways/nginx/status.h"
#include "gateways/nginx/variables.h"

#define LEVELS (NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF)
#define EVERYWHERE (LEVELS | NGX_HTTP_LMT_CONF)
#define AT(field) NGX_HTTP_LOC_CONF_OFFSET, offsetof(struct ngx_cekd_conf, field)

extern ngx_module_t ngx_http_cekd_module;

static ngx_conf_enum_t types[] = {
	{ngx_string("signed"), NGX_CEKD_SIGNED},
	{ngx_string("encrypted"), NGX_CEKD_ENCRYPTED},
	{ngx_string("nested"), NGX_CEKD_NESTED},
	{ngx_null_string, 0},
};

static ngx_conf_enum_t forwards[] = {
	{ngx_string("off"), NGX_CEKD_FORWARD_OFF},
	{ngx_string("on"), NGX_CEKD_FORWARD_ON},
	{ngx_string("strip"), NGX_CEKD_FORWARD_STRIP},
	{ngx_null_string, 0},
};

static ngx_command_t commands[] = {
	/* those of ngx_http_auth_jwt_module */
	{ngx_string("auth_jwt"), EVERYWHERE | NGX_CONF_TAKE12, ngx_cekd_set_auth, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL},
	{ngx_string("auth_jwt_type"), EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_enum_slot, AT(type), types},
	{ngx_string("auth_jwt_key_file"), EVERYWHERE | NGX_CONF_TAKE1, ngx_cekd_set_key_file, AT(key_files), NULL},
	{ngx_string("auth_jwt_key_cache"), LEVELS | NGX_CONF_TAKE1, ngx_cekd_set_key_cache, 0, 0, NULL},
	{ngx_string("auth_jwt_leeway"), LEVELS | NGX_CONF_TAKE1, ngx_conf_set_sec_slot, AT(leeway), NULL},
	{ngx_string("auth_jwt_require"), EVERYWHERE | NGX_CONF_1MORE, ngx_cekd_set_require, AT(require), NULL},
	{ngx_string("auth_jwt_claim_set"), NGX_HTTP_MAIN_CONF | NGX_CONF_2MORE, ngx_cekd_claim_set, 0, 0, NULL},
	{ngx_string("auth_jwt_header_set"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE2, ngx_cekd_header_set, 0, 0, NULL},

	/* cekd, and the tokens that it opens */
	{ngx_string("auth_jwt_cekd"), EVERYWHERE | NGX_CONF_2MORE, ngx_cekd_set_cekd, AT(keys), NULL},
	{ngx_string("auth_jwt_jwe_algs"), EVERYWHERE | NGX_CONF_1MORE, ngx_cekd_set_list, AT(jwe_algs),
		(void *)ngx_cekd_jwe_algs},
	{ngx_string("auth_jwt_jwe_encs"), EVERYWHERE | NGX_CONF_1MORE, ngx_cekd_set_list, AT(jwe_encs),
		(void *)ngx_cekd_jwe_encs},
	{ngx_string("auth_jwt_max_token"), EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_size_slot, AT(max_token), NULL},
	{ngx_string("auth_jwt_max_header"), EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_size_slot, AT(max_header), NULL},
	{ngx_string("auth_jwt_max_plaintext"), EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_size_slot, AT(max_plaintext),
		NULL},
	{ngx_string("auth_jwt_allow_zip"), EVERYWHERE | NGX_CONF_FLAG, ngx_conf_set_flag_slot, AT(allow_zip), NULL},
	{ngx_string("auth_jwt_allow_signed"), EVERYWHERE | NGX_CONF_FLAG, ngx_conf_set_flag_slot, AT(allow_signed),
		NULL},
	{ngx_string("auth_jwt_timeout"), EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_msec_slot, AT(timeout), NULL},
	{ngx_string("auth_jwt_cache"), LEVELS | NGX_CONF_TAKE12, ngx_cekd_set_cache, AT(cache_entries), NULL},

	/* what the JWT has to say */
	{ngx_string("auth_jwt_jws_algs"), EVERYWHERE | NGX_CONF_1MORE, ngx_cekd_set_list, AT(jws_algs),
		(void *)ngx_cekd_jws_algs},
	{ngx_string("auth_jwt_issuer"), EVERYWHERE | NGX_CONF_1MORE, ngx_cekd_set_list, AT(issuers), NULL},
	{ngx_string("auth_jwt_audience"), EVERYWHERE | NGX_CONF_1MORE, ngx_cekd_set_list, AT(audiences), NULL},
	{ngx_string("auth_jwt_typ"), EVERYWHERE | NGX_CONF_1MORE, ngx_cekd_set_list, AT(types), NULL},
	{ngx_string("auth_jwt_scope"), EVERYWHERE | NGX_CONF_1MORE, ngx_cekd_set_scopes, AT(scopes), NULL},
	{ngx_string("auth_jwt_require_claims"), EVERYWHERE | NGX_CONF_1MORE, ngx_cekd_set_list, AT(claims), NULL},
	{ngx_string("auth_jwt_allow_no_exp"), EVERYWHERE | NGX_CONF_FLAG, ngx_conf_set_flag_slot, AT(allow_no_exp),
		NULL},
	{ngx_string("auth_jwt_deny_file"), EVERYWHERE | NGX_CONF_TAKE1, ngx_cekd_set_deny_file, AT(deny_files), NULL},

	/* what becomes of it */
	{ngx_string("auth_jwt_forward"), EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_enum_slot, AT(forward), forwards},
	{ngx_string("auth_jwt_reencrypt"), EVERYWHERE | NGX_CONF_1MORE, ngx_cekd_set_reencrypt, AT(reencrypt), NULL},
	{ngx_string("auth_jwt_cekd_jwks"), NGX_HTTP_LOC_CONF | NGX_CONF_1MORE, ngx_cekd_set_jwks, AT(jwks), NULL},
	{ngx_string("auth_jwt_status"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS, ngx_cekd_set_status, 0, 0, NULL},
	ngx_null_command,
};

static ngx_int_t before(ngx_conf_t *cf)
{
	ngx_cekd_set_self(&ngx_http_cekd_module);
	return ngx_cekd_variables_add(cf);
}

static ngx_int_t add_handler(ngx_conf_t *cf, ngx_http_phases phase, ngx_http_handler_pt handler)
{
	ngx_http_core_main_conf_t *core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
	ngx_http_handler_pt *place = ngx_array_push(&core->phases[phase].handlers);

	if (!place)
		return NGX_ERROR;
	*place = handler;
	return NGX_OK;
}

static ngx_http_output_header_filter_pt next_filter;

static ngx_int_t filter(ngx_http_request_t *r)
{
	if (r == r->main)
		ngx_cekd_refusal_drop(r);
	return next_filter(r);
}

static ngx_int_t after(ngx_conf_t *cf)
{
	if (ngx_cekd_counters_add(cf, ngx_cekd_conf_main(cf), &ngx_http_cekd_module) != NGX_OK ||
		add_handler(cf, NGX_HTTP_ACCESS_PHASE, ngx_cekd_access) != NGX_OK)
		return NGX_ERROR;
	next_filter = ngx_http_top_header_filter;
	ngx_http_top_header_filter = filter;
	return add_handler(cf, NGX_HTTP_PRECONTENT_PHASE, ngx_cekd_precontent);
}

/* After it gave up root. nginx's helpers, of its cache, begin as its workers do. */
static ngx_int_t process_begins(ngx_cycle_t *cycle)
{
	struct ngx_cekd_main *main = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_cekd_module);

	if (main && (ngx_process == NGX_PROCESS_WORKER || ngx_process == NGX_PROCESS_SINGLE))
		ngx_cekd_jwks_begin(main);
	return NGX_OK;
}

/* Before nginx looks for connections that were forgotten. */
static void process_ends(ngx_cycle_t *cycle)
{
	struct ngx_cekd_main *main = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_cekd_module);

	if (!main)
		return;
	ngx_cekd_jwks_close(main);
	ngx_cekd_peers_close(main);
}

static ngx_http_module_t functions = {before, after, ngx_cekd_main_create, NULL, NULL, NULL, ngx_cekd_conf_create,
	ngx_cekd_conf_merge};

ngx_module_t ngx_http_cekd_module = {
	NGX_MODULE_V1,
	.ctx = &functions,
	.commands = commands,
	.type = NGX_HTTP_MODULE,
	.init_process = process_begins,
	.exit_process = process_ends,
};

static char name[] = "ngx_http_cekd_module", service_name[] = "ngx_http_cekd_service_module";

/* What nginx looks for in a dynamic module. Protected, as nginx itself has variables of these names: whoever means
 * these, a sanitizer for one, shall not get those. */
#pragma GCC visibility push(protected)
ngx_module_t *ngx_modules[] = {&ngx_http_cekd_module, &ngx_http_cekd_service_module, NULL};
char *ngx_module_names[] = {name, service_name, NULL};
char *ngx_module_order[] = {NULL};
#pragma GCC visibility pop
