/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateways/nginx/conn.h"
#include "gateways/nginx/deny.h"
#include "gateways/nginx/directives.h"
#include "gateways/nginx/files.h"
#include "gateways/nginx/jwks.h"
#include "gateways/nginx/keys.h"
#include "gateways/nginx/names.h"

static char duplicate[] = "is duplicate", no_time[] = "is no time, as \"60s\"";

/* A message of the line, as "nginx -t" prints it. */
#define REFUSE(cf, ...) (ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, __VA_ARGS__), (char *)NGX_CONF_ERROR)

static ngx_str_t *word(const ngx_conf_t *cf, ngx_uint_t i)
{
	return (ngx_str_t *)cf->args->elts + i;
}

/* What stands behind "prefix" in a word; NULL if it begins otherwise. */
static char *after(const ngx_str_t *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp((char *)text->data, prefix, len) == 0 ? (char *)text->data + len : NULL;
}

static ngx_http_complex_value_t *compile(ngx_conf_t *cf, ngx_str_t *text)
{
	ngx_http_compile_complex_value_t compile = {
		.cf = cf,
		.value = text,
		.complex_value = ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t)),
	};

	if (!compile.complex_value || ngx_http_compile_complex_value(&compile) != NGX_OK)
		return NULL;
	return compile.complex_value;
}

char *ngx_cekd_set_auth(ngx_conf_t *cf, ngx_command_t *command, void *data)
{
	struct ngx_cekd_conf *conf = data;
	ngx_str_t token;

	if (conf->enabled != NGX_CONF_UNSET)
		return duplicate;
	if (cf->args->nelts == 2 && strcmp((char *)word(cf, 1)->data, "off") == 0) {
		conf->enabled = 0;
		return NGX_CONF_OK;
	}
	conf->enabled = 1;
	conf->token = NULL;
	if (cf->args->nelts == 3) {
		token.data = (u_char *)after(word(cf, 2), "token=");
		if (!token.data || *token.data != '$')
			return REFUSE(cf, "\"%V\" is not \"token=$variable\"", word(cf, 2));
		token.len = strlen((char *)token.data);
		conf->token = compile(cf, &token);
		if (!conf->token)
			return NGX_CONF_ERROR;
	}
	conf->realm = compile(cf, word(cf, 1));
	return conf->realm ? NGX_CONF_OK : NGX_CONF_ERROR;
}

char *ngx_cekd_set_cekd(ngx_conf_t *cf, ngx_command_t *command, void *data)
{
	struct ngx_cekd_conf *conf = data;
	const char **keys;
	ngx_uint_t i;

	if (conf->keys != NGX_CONF_UNSET_PTR)
		return duplicate;
	if (ngx_cekd_socket(cf, word(cf, 1), &conf->socket) != NGX_OK)
		return NGX_CONF_ERROR;
	keys = ngx_pcalloc(cf->pool, (cf->args->nelts - 1) * sizeof(*keys));
	if (!keys)
		return NGX_CONF_ERROR;
	for (i = 2; i < cf->args->nelts; i++) {
		keys[i - 2] = after(word(cf, i), "key=");
		if (!keys[i - 2] || !*keys[i - 2])
			return REFUSE(cf, "\"%V\" is not \"key=NAME\", a key of cekd", word(cf, i));
	}
	conf->keys = keys;
	return NGX_CONF_OK;
}

char *ngx_cekd_set_jwks(ngx_conf_t *cf, ngx_command_t *command, void *data)
{
	ngx_http_core_loc_conf_t *core = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
	struct ngx_cekd_conf *conf = data;
	ngx_uint_t first = after(word(cf, 1), "unix:") ? 2 : 1, i;
	const char **names = ngx_pcalloc(cf->pool, cf->args->nelts * sizeof(*names));
	struct ngx_cekd_jwks *jwks = ngx_pcalloc(cf->pool, sizeof(*jwks));

	if (conf->jwks)
		return duplicate;
	if (!names || !jwks || (first == 2 && ngx_cekd_socket(cf, word(cf, 1), &jwks->socket) != NGX_OK))
		return NGX_CONF_ERROR;
	for (i = first; i < cf->args->nelts; i++) {
		names[i - first] = (const char *)word(cf, i)->data;
		if (!*names[i - first])
			return REFUSE(cf, "\"%V\" wants names of keys of cekd, and one is empty", word(cf, 0));
	}
	jwks->names = names;
	jwks->n_names = cf->args->nelts - first;
	if (jwks->n_names == 0)
		return REFUSE(cf, "\"%V\" names no key of cekd", word(cf, 0));
	conf->jwks = jwks;
	core->handler = ngx_cekd_jwks_answer;
	return NGX_CONF_OK;
}

char *ngx_cekd_set_cache(ngx_conf_t *cf, ngx_command_t *command, void *data)
{
	enum { ENTRIES_MAX = 65536, SECONDS_MAX = 86400 }; /* of libcek-jose */
	struct ngx_cekd_conf *conf = data;
	ngx_int_t entries, seconds;

	if (conf->cache_entries != NGX_CONF_UNSET_SIZE)
		return duplicate;
	conf->cache_entries = 0;
	conf->cache_seconds = 0;
	if (cf->args->nelts == 2 && strcmp((char *)word(cf, 1)->data, "off") == 0)
		return NGX_CONF_OK;
	if (cf->args->nelts != 3)
		return REFUSE(cf, "\"%V\" takes \"off\", or how many keys and for how long, as in \"1000 60s\"",
			word(cf, 0));
	entries = ngx_atoi(word(cf, 1)->data, word(cf, 1)->len);
	seconds = ngx_parse_time(word(cf, 2), 1);
	if (entries < 1 || entries > ENTRIES_MAX)
		return REFUSE(cf, "\"%V\" is no number from 1 to %d", word(cf, 1), ENTRIES_MAX);
	if (seconds < 1 || seconds > SECONDS_MAX)
		return REFUSE(cf, "\"%V\" is no time from 1s to 1d", word(cf, 2));
	conf->cache_entries = (size_t)entries;
	conf->cache_seconds = (ngx_uint_t)seconds;
	return NGX_CONF_OK;
}

static char *set_file(ngx_conf_t *cf, ngx_array_t **files, const struct ngx_cekd_file_kind *kind)
{
	struct ngx_cekd_file **place;

	if (ngx_http_script_variables_count(word(cf, 1)) > 0)
		return REFUSE(cf,
			"\"%V\" has a variable: the files are read when nginx starts, so their names are fixed",
			word(cf, 1));
	if (*files == NGX_CONF_UNSET_PTR)
		*files = ngx_array_create(cf->pool, 1, sizeof(*place));
	place = *files ? ngx_array_push(*files) : NULL;
	if (!place)
		return NGX_CONF_ERROR;
	*place = ngx_cekd_file_get(cf, word(cf, 1), kind, NULL);
	return *place ? NGX_CONF_OK : NGX_CONF_ERROR;
}

char *ngx_cekd_set_key_file(ngx_conf_t *cf, ngx_command_t *command, void *data)
{
	return set_file(cf, &((struct ngx_cekd_conf *)data)->key_files, &ngx_cekd_signers);
}

char *ngx_cekd_set_deny_file(ngx_conf_t *cf, ngx_command_t *command, void *data)
{
	struct ngx_cekd_conf *conf = data;

	if (strcmp((char *)word(cf, 1)->data, "off") != 0)
		return set_file(cf, &conf->deny_files, &ngx_cekd_denied);
	if (conf->deny_files != NGX_CONF_UNSET_PTR)
		return duplicate;
	conf->deny_files = NULL;
	return NGX_CONF_OK;
}

/* The values of one auth_jwt_require: all words but the last, if that is "error=…". */
static char *require_values(ngx_conf_t *cf, struct ngx_cekd_require *require, ngx_uint_t end)
{
	ngx_http_complex_value_t *place, *value;
	ngx_uint_t i;

	if (ngx_array_init(&require->values, cf->pool, end, sizeof(*place)) != NGX_OK)
		return NGX_CONF_ERROR;
	for (i = 1; i < end; i++) {
		if (word(cf, i)->data[0] != '$')
			return REFUSE(cf, "\"%V\" does not begin with a variable", word(cf, i));
		value = compile(cf, word(cf, i));
		place = ngx_array_push(&require->values);
		if (!value || !place)
			return NGX_CONF_ERROR;
		*place = *value;
	}
	return end > 1 ? NGX_CONF_OK : REFUSE(cf, "\"%V\" names no variable", word(cf, 0));
}

char *ngx_cekd_set_require(ngx_conf_t *cf, ngx_command_t *command, void *data)
{
	struct ngx_cekd_conf *conf = data;
	ngx_uint_t end = cf->args->nelts;
	struct ngx_cekd_require *require;
	const char *error = after(word(cf, end - 1), "error=");

	if (conf->require == NGX_CONF_UNSET_PTR)
		conf->require = ngx_array_create(cf->pool, 1, sizeof(*require));
	require = conf->require ? ngx_array_push(conf->require) : NULL;
	if (!require)
		return NGX_CONF_ERROR;
	require->reason = NGX_CEKD_REQUIRED;
	if (error && strcmp(error, "403") == 0)
		require->reason = NGX_CEKD_FORBIDDEN;
	else if (error && strcmp(error, "401") != 0)
		return REFUSE(cf, "\"%V\" is neither \"error=401\" nor \"error=403\"", word(cf, end - 1));
	return require_values(cf, require, error ? end - 1 : end);
}

static char *reencrypt_word(ngx_conf_t *cf, struct ngx_cekd_reencrypt *to, const ngx_str_t *text, ngx_str_t *jwk)
{
	char *value;

	if ((value = after(text, "key=")) && *value && !to->key && jwk->len == 0) {
		to->key = value;
	} else if ((value = after(text, "jwk=")) && *value && !to->key && jwk->len == 0) {
		*jwk = (ngx_str_t){strlen(value), (u_char *)value};
	} else if ((value = after(text, "enc=")) && ngx_cekd_listed(ngx_cekd_jwe_encs, value)) {
		to->enc = value;
	} else if ((value = after(text, "alg=")) && ngx_cekd_listed(ngx_cekd_jwe_algs, value)) {
		to->alg = value;
	} else {
		return REFUSE(cf,
			"\"%V\" is none of: one of \"key=NAME\" and \"jwk=FILE\", \"enc=A256GCM\", "
			"\"alg=RSA-OAEP-256\"",
			text);
	}
	return NGX_CONF_OK;
}

char *ngx_cekd_set_reencrypt(ngx_conf_t *cf, ngx_command_t *command, void *data)
{
	struct ngx_cekd_conf *conf = data;
	ngx_str_t jwk = ngx_null_string;
	ngx_uint_t i;

	if (conf->reencrypt != NGX_CONF_UNSET_PTR)
		return duplicate;
	conf->reencrypt = NULL;
	if (cf->args->nelts == 2 && strcmp((char *)word(cf, 1)->data, "off") == 0)
		return NGX_CONF_OK;
	conf->reencrypt = ngx_pcalloc(cf->pool, sizeof(*conf->reencrypt));
	if (!conf->reencrypt)
		return NGX_CONF_ERROR;
	conf->reencrypt->enc = "A256GCM";
	for (i = 1; i < cf->args->nelts; i++)
		if (reencrypt_word(cf, conf->reencrypt, word(cf, i), &jwk) != NGX_CONF_OK)
			return NGX_CONF_ERROR;
	if (!conf->reencrypt->key && jwk.len == 0)
		return REFUSE(cf, "\"%V\" needs \"key=NAME\", a key of cekd, or \"jwk=FILE\"", word(cf, 0));
	if (conf->reencrypt->key && conf->reencrypt->alg)
		return REFUSE(cf, "\"alg=%s\" is not for a key of cekd, which has its own", conf->reencrypt->alg);
	if (jwk.len > 0)
		conf->reencrypt->jwk = ngx_cekd_file_get(cf, &jwk, &ngx_cekd_jwk, conf->reencrypt->alg);
	return jwk.len == 0 || conf->reencrypt->jwk ? NGX_CONF_OK : NGX_CONF_ERROR;
}

char *ngx_cekd_set_key_cache(ngx_conf_t *cf, ngx_command_t *command, void *data)
{
	if (ngx_parse_time(word(cf, 1), 1) == (ngx_int_t)NGX_ERROR)
		return no_time;
	ngx_conf_log_error(NGX_LOG_NOTICE, cf, 0, "\"%V\" says nothing here: key files are read again when they change",
		word(cf, 0));
	return NGX_CONF_OK;
}

char *ngx_cekd_set_list(ngx_conf_t *cf, ngx_command_t *command, void *data)
{
	ngx_cekd_list *list = (ngx_cekd_list *)((char *)data + command->offset), allowed = command->post;
	const char **words;
	ngx_uint_t i;

	if (*list != NGX_CONF_UNSET_PTR)
		return duplicate;
	words = ngx_pcalloc(cf->pool, cf->args->nelts * sizeof(*words));
	if (!words)
		return NGX_CONF_ERROR;
	for (i = 1; i < cf->args->nelts; i++) {
		words[i - 1] = (const char *)word(cf, i)->data;
		if (allowed && !ngx_cekd_listed(allowed, words[i - 1]))
			return REFUSE(cf, "\"%V\" is no algorithm of \"%V\"", word(cf, i), word(cf, 0));
	}
	*list = words;
	return NGX_CONF_OK;
}

char *ngx_cekd_set_scopes(ngx_conf_t *cf, ngx_command_t *command, void *data)
{
	ngx_uint_t i;
	u_char *c;

	for (i = 1; i < cf->args->nelts; i++)
		for (c = word(cf, i)->data; *c || word(cf, i)->len == 0; c++)
			if (*c <= ' ' || *c >= 0x7f || *c == '"' || *c == '\\')
				return REFUSE(cf, "\"%V\" is no scope", word(cf, i));
	return ngx_cekd_set_list(cf, command, data);
}
