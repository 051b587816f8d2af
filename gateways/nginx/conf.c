/* SPDX-License-Identifier: Apache-2.0 */
#include "gateways/nginx/conf.h"
#include "gateways/nginx/conn.h"
#include "gateways/nginx/files.h"
#include "gateways/nginx/jwks.h"
#include "gateways/nginx/names.h"

static void main_close(void *data)
{
	ngx_cekd_jwks_close(data);
	ngx_cekd_peers_close(data);
	ngx_cekd_files_close(data);
}

void *ngx_cekd_main_create(ngx_conf_t *cf)
{
	struct ngx_cekd_main *main = ngx_pcalloc(cf->pool, sizeof(*main));
	ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(cf->pool, 0);

	if (!main || !cleanup || ngx_array_init(&main->files, cf->pool, 4, sizeof(struct ngx_cekd_file *)) != NGX_OK ||
		ngx_array_init(&main->peers, cf->pool, 1, sizeof(struct ngx_cekd_peer *)) != NGX_OK ||
		ngx_array_init(&main->jwks, cf->pool, 1, sizeof(struct ngx_cekd_jwks *)) != NGX_OK)
		return NULL;
	cleanup->handler = main_close;
	cleanup->data = main;
	return main;
}

void *ngx_cekd_conf_create(ngx_conf_t *cf)
{
	struct ngx_cekd_conf *conf = ngx_pcalloc(cf->pool, sizeof(*conf));

	if (!conf)
		return NULL;
	conf->enabled = conf->allow_signed = conf->allow_zip = conf->allow_no_exp = NGX_CONF_UNSET;
	conf->type = conf->forward = NGX_CONF_UNSET_UINT;
	conf->key_files = conf->deny_files = conf->require = NGX_CONF_UNSET_PTR;
	conf->keys = conf->jwe_algs = conf->jwe_encs = conf->jws_algs = NGX_CONF_UNSET_PTR;
	conf->issuers = conf->audiences = conf->types = conf->scopes = conf->claims = NGX_CONF_UNSET_PTR;
	conf->max_token = conf->max_header = conf->max_plaintext = conf->cache_entries = NGX_CONF_UNSET_SIZE;
	conf->leeway = NGX_CONF_UNSET;
	conf->timeout = NGX_CONF_UNSET_MSEC;
	conf->reencrypt = NGX_CONF_UNSET_PTR;
	return conf;
}

static void merge_lists(struct ngx_cekd_conf *conf, const struct ngx_cekd_conf *parent)
{
	ngx_conf_merge_ptr_value(conf->key_files, parent->key_files, NULL);
	ngx_conf_merge_ptr_value(conf->deny_files, parent->deny_files, NULL);
	ngx_conf_merge_ptr_value(conf->require, parent->require, NULL);
	ngx_conf_merge_ptr_value(conf->jwe_algs, parent->jwe_algs, NULL);
	ngx_conf_merge_ptr_value(conf->jwe_encs, parent->jwe_encs, ngx_cekd_jwe_encs);
	ngx_conf_merge_ptr_value(conf->jws_algs, parent->jws_algs, ngx_cekd_jws_algs);
	ngx_conf_merge_ptr_value(conf->issuers, parent->issuers, NULL);
	ngx_conf_merge_ptr_value(conf->audiences, parent->audiences, NULL);
	ngx_conf_merge_ptr_value(conf->types, parent->types, NULL);
	ngx_conf_merge_ptr_value(conf->scopes, parent->scopes, NULL);
	ngx_conf_merge_ptr_value(conf->claims, parent->claims, NULL);
	ngx_conf_merge_ptr_value(conf->reencrypt, parent->reencrypt, NULL);
}

static void merge_numbers(struct ngx_cekd_conf *conf, const struct ngx_cekd_conf *parent)
{
	ngx_conf_merge_uint_value(conf->type, parent->type, NGX_CEKD_SIGNED);
	ngx_conf_merge_uint_value(conf->forward, parent->forward, NGX_CEKD_FORWARD_ON);
	ngx_conf_merge_size_value(conf->max_token, parent->max_token, NGX_CEKD_TOKEN);
	ngx_conf_merge_size_value(conf->max_header, parent->max_header, CEK_JWE_HEADER_MAX);
	ngx_conf_merge_size_value(conf->max_plaintext, parent->max_plaintext, NGX_CEKD_PLAINTEXT);
	ngx_conf_merge_value(conf->allow_signed, parent->allow_signed, 0);
	ngx_conf_merge_value(conf->allow_zip, parent->allow_zip, 0);
	ngx_conf_merge_value(conf->allow_no_exp, parent->allow_no_exp, 0);
	ngx_conf_merge_sec_value(conf->leeway, parent->leeway, 0);
	ngx_conf_merge_msec_value(conf->timeout, parent->timeout, NGX_CEKD_TIMEOUT);
}

/* What stands together in one directive is taken together. */
static void merge_groups(struct ngx_cekd_conf *conf, const struct ngx_cekd_conf *parent)
{
	if (conf->enabled == NGX_CONF_UNSET) {
		conf->enabled = parent->enabled == 1;
		conf->realm = parent->realm;
		conf->token = parent->token;
	}
	if (conf->keys == NGX_CONF_UNSET_PTR) {
		conf->keys = parent->keys == NGX_CONF_UNSET_PTR ? NULL : parent->keys;
		conf->socket = parent->socket;
	}
	if (conf->cache_entries == NGX_CONF_UNSET_SIZE) {
		conf->cache_entries = parent->cache_entries == NGX_CONF_UNSET_SIZE ? 0 : parent->cache_entries;
		conf->cache_seconds = parent->cache_seconds;
	}
}

/* What is missing to do what the configuration asks for; NULL if nothing is. */
static const char *missing(const struct ngx_cekd_conf *conf)
{
	if (conf->type != NGX_CEKD_ENCRYPTED && !conf->key_files)
		return "auth_jwt_key_file, the keys of those who sign tokens";
	if ((conf->type != NGX_CEKD_SIGNED || (conf->reencrypt && conf->reencrypt->key)) && !conf->keys)
		return "auth_jwt_cekd, socket and keys of those who encrypt";
	return NULL;
}

/* libcek-jose would refuse each token, or take 0 for its default. */
static const char *out_of_bounds(const struct ngx_cekd_conf *conf)
{
	if (conf->max_token < 1 || conf->max_token > CEK_JWE_TOKEN_MAX)
		return "auth_jwt_max_token is from 1 to 64m";
	if (conf->max_header < 1 || conf->max_header > CEK_JWE_HEADER_MAX)
		return "auth_jwt_max_header is from 1 to 8k";
	if (conf->max_plaintext < 1)
		return "auth_jwt_max_plaintext is at least 1";
	if (conf->leeway > CEK_JWT_LEEWAY_MAX)
		return "auth_jwt_leeway is at most 1d";
	return NULL;
}

char *ngx_cekd_conf_merge(ngx_conf_t *cf, void *above, void *child)
{
	struct ngx_cekd_conf *conf = child;
	const char *lacks, *bound;

	merge_groups(conf, above);
	merge_lists(conf, above);
	merge_numbers(conf, above);
	if (conf->jwks && ngx_cekd_jwks_add(cf, conf) != NGX_CONF_OK)
		return NGX_CONF_ERROR;
	if (!conf->enabled)
		return NGX_CONF_OK;
	lacks = missing(conf);
	if (lacks) {
		ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "auth_jwt is on, but there is no %s", lacks);
		return NGX_CONF_ERROR;
	}
	bound = out_of_bounds(conf);
	if (bound) {
		ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s", bound);
		return NGX_CONF_ERROR;
	}
	if (!conf->keys)
		return NGX_CONF_OK;
	conf->peer = ngx_cekd_peer_get(cf, &conf->socket, conf->cache_entries, (unsigned)conf->cache_seconds);
	return conf->peer ? NGX_CONF_OK : NGX_CONF_ERROR;
}
