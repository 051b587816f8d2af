/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/broker/journal/audit.h"
#include "daemon/broker/net/input.h"
#include "daemon/broker/net/output.h"
#include "daemon/broker/net/peer.h"
#include "daemon/broker/net/server.h"
#include "daemon/broker/net/share.h"
#include "daemon/broker/policy/policy.h"
#include "daemon/broker/policy/quota.h"

enum {
	ACCEPTS_A_TURN = 64,
	ACCEPT_US = 150,       /* at a listener in one turn */
	SERVE_US = 250,        /* in one turn: all that has come from peers, */
	SERVE_ALONE_US = 1000, /* while there is one user only: fewer turns cost less */
	SAME_US = 10000000,    /* how often it is said that there is no descriptor */
	TOLD_AT_ONCE = 64,     /* connections of a user who is told of an epoch in the turn in which it came */
};

static void set_listening(struct server *server, bool on)
{
	for (size_t i = 0; i < server->n_listeners; i++) {
		if (on)
			event_add(&server->listeners[i].event, NULL);
		else
			event_del(&server->listeners[i].event);
	}
}

/* Not as often as somebody closes one connection and opens another. */
static void tell_no_descriptor(struct server *server)
{
	if (server->turn->now < server->no_fd_told_until)
		return;
	server->no_fd_told_until = server->turn->now + SAME_US;
	log_warning("no descriptor for another connection: %u are open", server->n_peers);
}

/* Whoever connects pays for it. False: nobody waits to be accepted. */
static bool accept_one(struct listener *listener)
{
	struct server *server = listener->server;
	struct quota *quota = server->quota;
	const uint64_t began = server->turn->now;
	int peer = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (peer >= 0) {
		peer_new(server, peer, listener->index);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		tell_no_descriptor(server);
		server->out_of_fds = true;
		set_listening(server, false);
		return false;
	} else if (errno != EINTR && errno != ECONNABORTED) {
		return false;
	}
	turn_look_at_clock(server->turn);
	if (quota->served)
		turns_charge(&quota->turns, &quota->served->turn, server->turn->now - began);
	quota->served = NULL;
	return true;
}

static void on_connection(evutil_socket_t fd, short what, void *data)
{
	struct listener *listener = data;
	struct turn *turn = listener->server->turn;
	uint64_t until;

	turn_look_at_clock(turn);
	until = turn->now + ACCEPT_US;
	for (int i = 0; i < ACCEPTS_A_TURN && turn->now < until; i++) {
		if (!accept_one(listener))
			return;
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

/* One of a user's peers, until his time is over. */
static void serve(struct server *server, struct user *user, uint64_t most_us)
{
	struct turn *turn = server->turn;
	struct turns *turns = &server->quota->turns;
	const uint64_t began = turn->now;

	if (list_empty(&user->ready)) {
		turns_leave(&user->turn);
		return;
	}
	server->quota->served = user;
	turn->cost = 0;
	turn->until = began + turns_slice(turns, &user->turn, most_us);
	input_serve(list_entry(user->ready.next, struct peer, ready));
	server->quota->served = NULL;
	turn_look_at_clock(turn);
	turns_charge(turns, &user->turn, turn->now - began);
	if (list_empty(&user->ready))
		turns_leave(&user->turn);
}

void server_serve(struct server *server)
{
	struct turn *turn = server->turn;
	const uint64_t end = turn->now + (server->quota->present > 1 ? SERVE_US : SERVE_ALONE_US);
	struct turns_place *place;

	while (turn->now < end && (place = turns_next(&server->quota->turns)))
		serve(server, list_entry(place, struct user, turn), end - turn->now);
}

bool server_waiting(const struct server *server)
{
	return turns_waiting(&server->quota->turns);
}

void server_flush(struct server *server)
{
	struct link turn, *link;

	/* Replies that waited for the audit trail, and peers that were not read because of it. */
	while (audit_progress(server->audit) != server->progress && (link = list_take(&server->held)))
		peer_touch(list_entry(link, struct peer, held));
	share_written(server);
	server->progress = audit_progress(server->audit);
	list_init(&turn);
	list_move(&turn, &server->dirty);
	while ((link = list_take(&turn)))
		peer_turn(list_entry(link, struct peer, dirty));
	if (server->one_closed)
		server_accept_again(server);
	server->one_closed = false;
}

void server_look(struct server *server)
{
	quota_look(server->quota, server->turn->now, server->audit->written);
	share_look(server);
	server_accept_again(server);
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
	for (struct link *link = server->watchers.next; link != &server->watchers; link = link->next) {
		struct peer *peer = list_entry(link, struct peer, watching);

		peer->watch_due = true;
		/* Nobody hears it later because somebody else has thousands; who waits, waits for something else. */
		if (peer->waits || peer->user->connections <= TOLD_AT_ONCE)
			peer_tell_epoch(peer);
		else
			input_want(peer);
	}
}
