/* SPDX-License-Identifier: Apache-2.0 */
#include "gateways/nginx/verify.h"
#include "gateways/nginx/deny.h"
#include "gateways/nginx/refuse.h"

static struct cek_jwt_policy policy_of(const struct ngx_cekd_conf *conf)
{
	return (struct cek_jwt_policy){
		.size = sizeof(struct cek_jwt_policy),
		.algs = conf->jws_algs,
		.issuers = conf->issuers,
		.audiences = conf->audiences,
		.types = conf->types,
		.required = conf->claims,
		.scopes = conf->scopes,
		.leeway = (unsigned)conf->leeway,
		.no_exp = conf->allow_no_exp,
		.max_token = conf->max_token,
	};
}

/* The files one after the other: each has the keys of one signer, or of one time. */
static int check_signed(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf, const struct cek_jwt_policy *policy,
	struct cek_jwe_error *ret_error)
{
	struct ngx_cekd_file **files = conf->key_files->elts;
	const char *token = (const char *)ctx->inner.data;
	struct cek_jwe_error error;
	ngx_uint_t i;
	int code = CEK_JWE_NO_KEY;

	for (i = 0; i < conf->key_files->nelts; i++) {
		code = cek_jwt_verify(files[i]->content, policy, token, ctx->inner.len, &ctx->jwt, &error);
		if (i == 0 || code != CEK_JWE_NO_KEY)
			*ret_error = error;
		if (code != CEK_JWE_NO_KEY && code != CEK_JWE_FAILED)
			break; /* it is right, or wrong whatever the keys are */
	}
	return code;
}

static enum ngx_cekd_reason check(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf)
{
	const struct cek_jwt_policy policy = policy_of(conf);
	struct cek_bytes plaintext = {.data = NULL};
	struct cek_jwe_error error;
	int code;

	if (ctx->jwe)
		plaintext = cek_jwe_plaintext(ctx->jwe);
	if (ctx->jwe && conf->type == NGX_CEKD_ENCRYPTED) {
		code = cek_jwt_claims(&policy, plaintext.data, plaintext.len, &ctx->jwt, &error);
	} else if (ctx->jwe && !cek_jwe_is_b64token(plaintext.data, plaintext.len)) {
		return ngx_cekd_refused(ctx->request, NGX_CEKD_MALFORMED, "no JWT is in the token");
	} else {
		if (ctx->jwe)
			ctx->inner = (ngx_str_t){plaintext.len, (u_char *)plaintext.data};
		code = check_signed(ctx, conf, &policy, &error);
	}
	return code == CEK_JWE_OK ? NGX_CEKD_ACCEPTED : ngx_cekd_reason_of(ctx->request, &error);
}

static bool denied(const struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf)
{
	struct ngx_cekd_file **files;
	ngx_uint_t i;

	if (!conf->deny_files)
		return false;
	files = conf->deny_files->elts;
	for (i = 0; i < conf->deny_files->nelts; i++)
		if (ngx_cekd_deny(files[i]->content, ctx->jwt))
			return true;
	return false;
}

static enum ngx_cekd_reason require_all(const struct ngx_cekd_ctx *ctx, const struct ngx_cekd_require *require)
{
	ngx_http_complex_value_t *values = require->values.elts;
	ngx_str_t value;
	ngx_uint_t i;

	for (i = 0; i < require->values.nelts; i++) {
		if (ngx_http_complex_value(ctx->request, &values[i], &value) != NGX_OK)
			return NGX_CEKD_NO_MEMORY;
		if (value.len == 0 || (value.len == 1 && value.data[0] == '0'))
			return ngx_cekd_refused(ctx->request, require->reason, "auth_jwt_require");
	}
	return NGX_CEKD_ACCEPTED;
}

static enum ngx_cekd_reason required(const struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf)
{
	const struct ngx_cekd_require *all;
	enum ngx_cekd_reason reason = NGX_CEKD_ACCEPTED;
	ngx_uint_t i;

	if (!conf->require)
		return reason;
	all = conf->require->elts;
	for (i = 0; i < conf->require->nelts && reason == NGX_CEKD_ACCEPTED; i++)
		reason = require_all(ctx, &all[i]);
	return reason;
}

enum ngx_cekd_reason ngx_cekd_verify(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf)
{
	enum ngx_cekd_reason reason = check(ctx, conf);

	if (reason == NGX_CEKD_ACCEPTED)
		reason = denied(ctx, conf)
			? ngx_cekd_refused(ctx->request, NGX_CEKD_LISTED, "the token is on a deny list")
			: required(ctx, conf);
	if (reason != NGX_CEKD_ACCEPTED)
		ctx->jwt = cek_jwt_free(ctx->jwt);
	return reason;
}
