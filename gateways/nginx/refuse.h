/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client is told, and what the log: one status and one text for everything that may be wrong with a token.
 */
#pragma once

#include "gateways/nginx/data.h"

/* "accepted", "no_token", …: for logs and counters. */
const char *ngx_cekd_reason_name(enum ngx_cekd_reason reason);

/* What an error of libcek-jose comes to; the log gets it with its details, which tell nothing of a token's content. */
enum ngx_cekd_reason ngx_cekd_reason_of(const ngx_http_request_t *r, const struct cek_jwe_error *error);

/* The same for what libcek-jose has nothing to do with: why is for the log. Returns reason. */
enum ngx_cekd_reason ngx_cekd_refused(const ngx_http_request_t *r, enum ngx_cekd_reason reason, const char *why);

/* Before the answer's headers are sent: what belongs to a refusal does not stay with an answer of another status, which
 * error_page gives. */
void ngx_cekd_refusal_drop(ngx_http_request_t *r);

/* The status of the answer to ctx->reason, with its headers set; NGX_OK if accepted. Counted, and told, once. */
ngx_int_t ngx_cekd_answer(struct ngx_cekd_ctx *ctx);
