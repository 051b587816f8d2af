/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether cekd answers.
 */
#pragma once

#include "gateways/nginx/data.h"

/* A content handler: 200 if cekd says that it is ready, 503 if not. Without an answer within a second 200 if this
 * worker's last one, which said so, is at most max_age milliseconds old. */
ngx_int_t ngx_cekd_ready(ngx_http_request_t *r, struct ngx_cekd_peer *peer, ngx_msec_t max_age);
