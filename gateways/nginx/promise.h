/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers that an answer to a gateway promises: each of them is in each 200, so that the gateway overwrites
 * whatever its client sent under that name.
 */
#pragma once

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

/* Add NAME VALUE of a directive (cf->args, from the second word on) to *promises, an array that is made if it is
 * NGX_CONF_UNSET_PTR. NULL, or what is wrong, as nginx's handlers of directives say it. */
char *ngx_cekd_promise_add(ngx_conf_t *cf, ngx_array_t **promises);

/* Put all of them into the response: a value that is not there, or may not stand in a header, as an empty one. NGX_OK
 * or NGX_ERROR without memory. */
ngx_int_t ngx_cekd_promise_keep(ngx_http_request_t *r, const ngx_array_t *promises);

/* Put a header into the response. NGX_OK or NGX_ERROR without memory. */
ngx_int_t ngx_cekd_header(ngx_http_request_t *r, const ngx_str_t *name, const ngx_str_t *value);
