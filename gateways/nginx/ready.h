/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether cekd answers.
 */
#pragma once

#include "gateways/nginx/data.h"

struct ngx_cekd_ready {
	struct ngx_cekd_peer *peer;
	ngx_msec_t max_age; /* of its last answer */

	/* of this worker */
	ngx_msec_t last_answer;
	bool last_was_ready;
};

/* A content handler: 200 if cekd says that it is ready, 503 if not. Without an answer within a second 200 if this
 * worker's last one, which said so, is at most max_age old. */
ngx_int_t ngx_cekd_ready(ngx_http_request_t *r, struct ngx_cekd_ready *about);
