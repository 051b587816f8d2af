/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers of nginx's phases.
 */
#pragma once

#include "gateways/nginx/data.h"

/* Access: a request goes on when its token was accepted; meanwhile it waits without holding the worker. */
ngx_int_t ngx_cekd_access(ngx_http_request_t *r);

/* Behind access: "satisfy any" may have let a request through whose token was not accepted. */
ngx_int_t ngx_cekd_precontent(ngx_http_request_t *r);
