/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to cekd in nginx's event loop. A worker makes one when it needs it, so after it gave up root: cekd
 * knows a peer by the uid it connected with.
 */
#pragma once

#include "gateways/nginx/data.h"

/* The path in "unix:/PATH", with a NUL behind it. NGX_OK, or NGX_ERROR with a message of the line. */
ngx_int_t ngx_cekd_socket(ngx_conf_t *cf, const ngx_str_t *text, ngx_str_t *ret_path);

/* The peer of this socket and cache in the configuration; NULL without memory. */
struct ngx_cekd_peer *ngx_cekd_peer_get(ngx_conf_t *cf, const ngx_str_t *socket, size_t cache_entries,
	unsigned cache_seconds);

/* Make the peer's connection if this worker has none. NGX_OK, or NGX_ERROR with a message. */
ngx_int_t ngx_cekd_peer_open(struct ngx_cekd_peer *peer, ngx_log_t *log);

/* Around each question of a request: a worker that ends answers these first. */
void ngx_cekd_peer_begin(struct ngx_cekd_peer *peer);
void ngx_cekd_peer_end(struct ngx_cekd_peer *peer);

/* Close all. */
void ngx_cekd_peers_close(struct ngx_cekd_main *main);
