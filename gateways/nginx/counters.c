/* SPDX-License-Identifier: Apache-2.0 */
#include "gateways/nginx/counters.h"

enum { ZONE_PAGES = 8 }; /* the least that nginx takes */

static ngx_int_t init(ngx_shm_zone_t *zone, void *former)
{
	ngx_slab_pool_t *pool = (ngx_slab_pool_t *)zone->shm.addr;

	if (former)
		zone->data = former;
	else if (zone->shm.exists)
		zone->data = pool->data;
	else
		zone->data = pool->data = ngx_slab_calloc(pool, NGX_CEKD_COUNTERS * sizeof(ngx_atomic_t));
	return zone->data ? NGX_OK : NGX_ERROR;
}

ngx_int_t ngx_cekd_counters_add(ngx_conf_t *cf, struct ngx_cekd_main *main, void *tag)
{
	ngx_str_t name = ngx_string("auth_jwt_cekd");

	main->zone = ngx_shared_memory_add(cf, &name, ZONE_PAGES * ngx_pagesize, tag);
	if (!main->zone)
		return NGX_ERROR;
	main->zone->init = init;
	return NGX_OK;
}

void ngx_cekd_count(const struct ngx_cekd_main *main, ngx_uint_t counter)
{
	ngx_atomic_t *counters = main->zone->data;

	(void)ngx_atomic_fetch_add(&counters[counter], 1);
}

ngx_atomic_uint_t ngx_cekd_counted(const struct ngx_cekd_main *main, ngx_uint_t counter)
{
	const ngx_atomic_t *counters = main->zone->data;

	return counters[counter];
}
