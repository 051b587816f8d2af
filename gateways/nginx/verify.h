/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a signed JWT is accepted: signature and claims, deny lists, auth_jwt_require.
 */
#pragma once

#include "gateways/nginx/data.h"

/* ctx->jwt is set if it is, and NULL otherwise. */
enum ngx_cekd_reason ngx_cekd_verify(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf, const char *token,
	size_t len);
