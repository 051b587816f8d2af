/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to cekd about the token of a request. One at a time: ctx->waiting until the answer is in ctx.
 */
#pragma once

#include "gateways/nginx/data.h"

/* Open ctx->token; then ctx->jwe is set, and ctx->reason. */
void ngx_cekd_ask_open(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf);

/* Encrypt what is in the token for another; then ctx->reencrypted is set, and ctx->reason. */
void ngx_cekd_ask_reencrypt(struct ngx_cekd_ctx *ctx, const struct ngx_cekd_conf *conf);

/* Nobody wants the answer any more. */
void ngx_cekd_ask_cancel(struct ngx_cekd_ctx *ctx);
