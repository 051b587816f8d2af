/* SPDX-License-Identifier: Apache-2.0 */
/*
 * $jwt_…: what an accepted token says. They are empty before the access phase and when it was not accepted.
 */
#pragma once

#include "gateways/nginx/data.h"

/* Before the configuration is read. */
ngx_int_t ngx_cekd_variables_add(ngx_conf_t *cf);

/* auth_jwt_claim_set and auth_jwt_header_set: nginx's set functions. */
char *ngx_cekd_claim_set(ngx_conf_t *cf, ngx_command_t *command, void *conf);
char *ngx_cekd_header_set(ngx_conf_t *cf, ngx_command_t *command, void *conf);
