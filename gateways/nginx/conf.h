/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of one level, and what it takes from the one above.
 */
#pragma once

#include "gateways/nginx/data.h"

void *ngx_cekd_main_create(ngx_conf_t *cf);
void *ngx_cekd_conf_create(ngx_conf_t *cf);
char *ngx_cekd_conf_merge(ngx_conf_t *cf, void *parent, void *child);
