/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of auth_jwt_status: counters in Prometheus' text format.
 */
#pragma once

#include "gateways/nginx/data.h"

/* nginx's set function. */
char *ngx_cekd_set_status(ngx_conf_t *cf, ngx_command_t *command, void *conf);
