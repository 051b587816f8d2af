/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a JWT is accepted: signature and claims, deny lists, auth_jwt_require.
 */
#pragma once

#include "gateways/nginx/data.h"

/* What ctx->inner or, if there is none, the JWE holds. ctx->jwt is set if it is accepted, and NULL otherwise;
 * ctx->inner is the signed JWT if it is one. */
enum ngx_cekd_reason ngx_cekd_verify(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf);
