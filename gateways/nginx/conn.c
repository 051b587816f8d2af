/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/un.h>

#include "gateways/nginx/conn.h"
#include "gateways/nginx/self.h"

enum { OPEN_MS = 1000 }; /* to look after open questions at the latest, whatever libcek says */

ngx_int_t ngx_cekd_socket(ngx_conf_t *cf, const ngx_str_t *text, ngx_str_t *ret_path)
{
	static const char scheme[] = "unix:";
	const size_t skip = sizeof(scheme) - 1;

	if (strncmp((const char *)text->data, "unix:/", skip + 1) != 0 ||
		text->len - skip >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is no socket, as in \"unix:/run/cekd/cekd.sock\"",
			text);
		return NGX_ERROR;
	}
	*ret_path = (ngx_str_t){text->len - skip, text->data + skip};
	return NGX_OK;
}

struct ngx_cekd_peer *ngx_cekd_peer_get(ngx_conf_t *cf, const ngx_str_t *socket, size_t cache_entries,
	unsigned cache_seconds)
{
	struct ngx_cekd_main *main = ngx_cekd_conf_main(cf);
	struct ngx_cekd_peer **peers = main->peers.elts, *peer;
	ngx_uint_t i;

	for (i = 0; i < main->peers.nelts; i++)
		if (peers[i]->cache_entries == cache_entries && peers[i]->cache_seconds == cache_seconds &&
			strcmp((const char *)peers[i]->socket.data, (const char *)socket->data) == 0)
			return peers[i];
	peer = ngx_pcalloc(cf->pool, sizeof(*peer));
	peers = ngx_array_push(&main->peers);
	if (!peer || !peers)
		return NULL;
	peer->socket = *socket;
	peer->cache_entries = cache_entries;
	peer->cache_seconds = cache_seconds;
	*peers = peer;
	return peer;
}

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* When the connection has to be looked after next. A worker that ends waits for open questions, by this timer. */
static void arm(struct ngx_cekd_peer *peer)
{
	int timeout = cek_conn_timeout(peer->conn);

	if (peer->turn.timer_set)
		ngx_del_timer(&peer->turn);
	if (peer->cache)
		timeout = sooner(timeout, cek_jwe_cache_expire(peer->cache));
	if (peer->open > 0)
		timeout = sooner(timeout, OPEN_MS);
	peer->turn.cancelable = peer->open == 0;
	if (timeout == 0) {
		ngx_post_event(&peer->turn, &ngx_posted_next_events); /* after what else is ready */
	} else if (timeout > 0) {
		ngx_add_timer(&peer->turn, (ngx_msec_t)timeout);
	}
}

static void peer_close(struct ngx_cekd_peer *peer)
{
	if (peer->turn.timer_set)
		ngx_del_timer(&peer->turn);
	if (peer->turn.posted) {
		ngx_delete_posted_event(&peer->turn);
	}
	if (peer->watched) {
		/* With accept_mutex it is an event of the queue that is being worked off. */
		if (peer->watched->read->posted) {
			ngx_delete_posted_event(peer->watched->read);
		}
		ngx_del_event(peer->watched->read, NGX_READ_EVENT, 0);
		ngx_free_connection(peer->watched);
		peer->watched->fd = (ngx_socket_t)-1;
		peer->watched = NULL;
	}
	if (peer->conn)
		cek_conn_set_wakeup(peer->conn, NULL, NULL);
	/* In this order: it ends what still uses the cache. */
	peer->conn = cek_conn_free(peer->conn);
	peer->cache = cek_jwe_cache_free(peer->cache);
	peer->refused = false;
}

static void turn(struct ngx_cekd_peer *peer)
{
	cek_conn_process(peer->conn);
	/* With libcek's back-off a cekd that is there again would be found late: the next request makes another object.
	 */
	if (peer->refused && peer->open == 0)
		peer_close(peer);
	else
		arm(peer);
}

static void turn_due(ngx_event_t *event)
{
	turn(event->data);
}

static void readable(ngx_event_t *event)
{
	turn(((ngx_connection_t *)event->data)->data);
}

static void nothing(ngx_event_t *event) {}

/* libcek's word that something was queued. All that this turn of nginx's loop queues is written together, at its end.
 */
static void wakeup(cek_conn *conn, void *userdata)
{
	struct ngx_cekd_peer *peer = userdata;

	ngx_post_event(&peer->turn, &ngx_posted_events);
}

/* Level-triggered: what one turn leaves makes the next one. */
static ngx_int_t watch(struct ngx_cekd_peer *peer, ngx_log_t *log)
{
	ngx_connection_t *watched = ngx_get_connection(cek_conn_fd(peer->conn), log);

	if (!watched)
		return NGX_ERROR;
	watched->data = peer;
	watched->read->log = watched->write->log = log;
	watched->read->handler = readable;
	watched->write->handler = nothing;
	if (ngx_add_event(watched->read, NGX_READ_EVENT, NGX_LEVEL_EVENT) != NGX_OK) {
		ngx_free_connection(watched);
		watched->fd = (ngx_socket_t)-1;
		return NGX_ERROR;
	}
	peer->watched = watched;
	return NGX_OK;
}

ngx_int_t ngx_cekd_peer_open(struct ngx_cekd_peer *peer, ngx_log_t *log)
{
	if (peer->conn)
		return NGX_OK;
	peer->turn = (ngx_event_t){.data = peer, .handler = turn_due, .log = ngx_cycle->log};
	if (cek_conn_new((const char *)peer->socket.data, &peer->conn) != CEK_OK)
		goto failed;
	cek_conn_set_wakeup(peer->conn, wakeup, peer);
	if (watch(peer, ngx_cycle->log) != NGX_OK)
		goto failed;
	if (peer->cache_entries > 0 &&
		cek_jwe_cache_new(peer->conn, peer->cache_entries, peer->cache_seconds, &peer->cache) != CEK_JWE_OK)
		goto failed;
	return NGX_OK;

failed:
	ngx_log_error(NGX_LOG_ERR, log, 0, "no memory or no descriptor for the connection to cekd at %V",
		&peer->socket);
	peer_close(peer);
	return NGX_ERROR;
}

void ngx_cekd_peer_begin(struct ngx_cekd_peer *peer)
{
	peer->open++;
}

void ngx_cekd_peer_end(struct ngx_cekd_peer *peer)
{
	peer->open--;
}

void ngx_cekd_peers_close(struct ngx_cekd_main *main)
{
	struct ngx_cekd_peer **peers = main->peers.elts;

	for (; main->peers.nelts > 0; main->peers.nelts--)
		peer_close(peers[main->peers.nelts - 1]);
}
