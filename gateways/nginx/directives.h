/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nginx's set functions of the directives that its own do not read; conf is a struct ngx_cekd_conf.
 */
#pragma once

#include "gateways/nginx/data.h"

typedef char *ngx_cekd_directive(ngx_conf_t *cf, ngx_command_t *command, void *conf);

ngx_cekd_directive ngx_cekd_set_auth, ngx_cekd_set_cekd, ngx_cekd_set_cache, ngx_cekd_set_require,
	ngx_cekd_set_reencrypt, ngx_cekd_set_jwks;
ngx_cekd_directive ngx_cekd_set_key_cache;

/* Files, by the offset of their array: of signers' keys, and deny lists. */
ngx_cekd_directive ngx_cekd_set_key_file, ngx_cekd_set_deny_file;

/* Words into the list at the directive's offset; command->post is the list of those that may stand there, or NULL. */
ngx_cekd_directive ngx_cekd_set_list;

/* The same for scopes, which go back to clients (RFC 6749 section 3.3). */
ngx_cekd_directive ngx_cekd_set_scopes;
