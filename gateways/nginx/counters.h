/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all workers counted, in a shared zone that outlives a reload.
 */
#pragma once

#include "gateways/nginx/data.h"

/* Counters beside those of enum ngx_cekd_reason. */
enum {
	NGX_CEKD_COUNT_OPENED = NGX_CEKD_REASONS, /* tokens, with a CEK of cekd */
	NGX_CEKD_COUNT_CACHED,                    /* tokens, with a CEK of the cache */
	NGX_CEKD_COUNT_LEFT,                      /* clients that left while cekd was asked */
	NGX_CEKD_COUNT_RELOADED,                  /* files */
	NGX_CEKD_COUNT_NOT_RELOADED,
	NGX_CEKD_COUNTERS,
};

/* Ask nginx for the zone; tag tells it from zones of other modules. */
ngx_int_t ngx_cekd_counters_add(ngx_conf_t *cf, struct ngx_cekd_main *main, void *tag);

void ngx_cekd_count(const struct ngx_cekd_main *main, ngx_uint_t counter);
ngx_atomic_uint_t ngx_cekd_counted(const struct ngx_cekd_main *main, ngx_uint_t counter);
