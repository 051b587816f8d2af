/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/broker/journal/audit.h"
#include "daemon/broker/net/output.h"
#include "daemon/broker/net/peer.h"
#include "daemon/broker/net/server.h"
#include "daemon/broker/policy/policy.h"

enum { ACCEPTS_A_TURN = 64 };

static void set_listening(struct server *server, bool on)
{
	for (size_t i = 0; i < server->n_listeners; i++) {
		if (on)
			event_add(&server->listeners[i].event, NULL);
		else
			event_del(&server->listeners[i].event);
	}
}

static void on_connection(evutil_socket_t fd, short what, void *data)
{
	struct listener *listener = data;
	struct server *server = listener->server;

	turn_look_at_clock(server->turn);
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (peer >= 0) {
			peer_new(server, peer, listener->index);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			log_warning("no descriptor for another connection: %u are open", server->n_peers);
			server->out_of_fds = true;
			set_listening(server, false);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

int server_init(struct server *server, const struct server_uses *uses, const struct server_events *events, void *owner,
	char *const *names, const int *fds, size_t n)
{
	*server = (struct server){.turn = uses->turn,
		.ring = uses->ring,
		.policy = uses->policy,
		.quota = uses->quota,
		.audit = uses->audit,
		.events = events,
		.owner = owner};
	list_init(&server->peers);
	list_init(&server->dirty);
	list_init(&server->held);
	list_init(&server->stopped);
	list_init(&server->watchers);
	pool_init(&server->chunks, sizeof(struct chunk));
	server->listeners = calloc(n > 0 ? n : 1, sizeof(*server->listeners));
	if (!server->listeners)
		return log_origin(-ENOMEM);
	for (size_t i = 0; i < n; i++) {
		struct listener *listener = &server->listeners[i];
		int flags = fcntl(fds[i], F_GETFL);

		*listener = (struct listener){.server = server,
			.index = i,
			.fd = fds[i],
			.name = ring_intern(server->ring, names[i])};
		event_assign(&listener->event, server->turn->base, fds[i], EV_READ | EV_PERSIST, on_connection,
			listener);
		server->n_listeners++;
		if (!listener->name)
			return log_origin(-ENOMEM);
		if (flags < 0 || fcntl(fds[i], F_SETFL, flags | O_NONBLOCK) < 0)
			return log_origin(-errno);
	}
	return 0;
}

void server_begin(struct server *server)
{
	if (!server->turn->draining)
		set_listening(server, true);
}

void server_deinit(struct server *server)
{
	if (!server->listeners)
		return;
	while (!list_empty(&server->peers))
		peer_free(list_entry(server->peers.next, struct peer, link));
	for (size_t i = 0; i < server->n_listeners; i++) {
		event_del(&server->listeners[i].event);
		close(server->listeners[i].fd);
	}
	free(server->listeners);
	server->listeners = NULL;
	server->n_listeners = 0;
	pool_deinit(&server->chunks);
}

void server_drain(struct server *server)
{
	set_listening(server, false);
	for (struct link *link = server->peers.next; link != &server->peers; link = link->next)
		peer_finish(list_entry(link, struct peer, link));
}

void server_accept_again(struct server *server)
{
	if (!server->out_of_fds || server->turn->draining)
		return;
	server->out_of_fds = false;
	set_listening(server, true);
}

void server_rematch(struct server *server)
{
	for (struct link *link = server->peers.next; link != &server->peers; link = link->next) {
		struct peer *peer = list_entry(link, struct peer, link);

		peer_match(peer);
		if (list_empty(&peer->watching) || policy_allows_some(&peer->grants, PERMISSION_WATCH))
			continue;
		peer->broken = true; /* a watch cannot be ended in another way that the client notices */
		peer_touch(peer);
	}
}

void server_flush(struct server *server)
{
	struct link turn, *link;

	/* Replies that waited for the audit trail, and peers that were not read because of it. */
	while (audit_progress(server->audit) != server->progress && (link = list_take(&server->held)))
		peer_touch(list_entry(link, struct peer, held));
	while (!audit_full(server->audit) && (link = list_take(&server->stopped)))
		peer_touch(list_entry(link, struct peer, stopped));
	server->progress = audit_progress(server->audit);
	list_init(&turn);
	list_move(&turn, &server->dirty);
	while ((link = list_take(&turn)))
		peer_turn(list_entry(link, struct peer, dirty));
	if (server->one_closed)
		server_accept_again(server);
	server->one_closed = false;
}

bool server_idle(const struct server *server)
{
	return list_empty(&server->peers);
}

void server_close_watchers(struct server *server)
{
	for (struct link *link = server->watchers.next; link != &server->watchers; link = link->next) {
		struct peer *peer = list_entry(link, struct peer, watching);

		peer->broken = true;
		peer_touch(peer);
	}
}

void server_tell_watchers(struct server *server)
{
	for (struct link *link = server->watchers.next; link != &server->watchers; link = link->next)
		peer_tell_epoch(list_entry(link, struct peer, watching));
}
