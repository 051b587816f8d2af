/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/broker/journal/audit.h"
#include "daemon/broker/net/input.h"
#include "daemon/broker/net/output.h"
#include "daemon/broker/net/peer.h"
#include "daemon/broker/net/share.h"
#include "daemon/broker/policy/policy.h"
#include "daemon/broker/policy/quota.h"
#include "proto/frame.h"

enum {
	GROUPS_MAX = PEER_GROUPS_MAX - 1,
	NOTICE_MAX = 256,
};

/* What is in the socket by now can still be read, and then its end; who sends after this gets EPIPE, and knows that
 * nothing of it came here. */
void peer_finish(struct peer *peer)
{
	(void)shutdown(peer->fd, SHUT_RD);
	peer_touch(peer);
}

/* ---- a turn --------------------------------------------------------------------------------------------------- */

bool peer_idle(const struct peer *peer)
{
	return peer->n_requests == 0 && peer->output.len == 0 && peer->express.len == 0 && !peer->paused;
}

void peer_turn(struct peer *peer)
{
	if (!peer->broken)
		peer_write(peer);
	if (peer->broken || ((peer->closing || peer->eof) && peer_idle(peer))) {
		peer_free(peer);
		return;
	}
	if (peer->watch_due)
		peer_tell_epoch(peer);
	input_go_on(peer);
}

/* ---- coming and going ----------------------------------------------------------------------------------------- */

/* Once a user: it may connect as often as it likes. When all places are taken there are enough such lines in the log.
 */
static void name_many_groups(struct server *server, uid_t uid)
{
	for (size_t i = 0; i < server->n_many_groups; i++)
		if (server->many_groups[i] == uid)
			return;
	if (server->n_many_groups == MANY_GROUPS_NAMED)
		return;
	server->many_groups[server->n_many_groups++] = uid;
	log_warning("uid %u is in more than %d groups: rules for groups see only its first one", (unsigned)uid,
		GROUPS_MAX);
}

size_t peer_groups(const struct peer *peer, gid_t ret_gids[PEER_GROUPS_MAX])
{
	struct ucred ucred;
	socklen_t len = sizeof(ucred), gids_len = GROUPS_MAX * sizeof(gid_t);
	size_t n = 0;

	if (getsockopt(peer->fd, SOL_SOCKET, SO_PEERCRED, &ucred, &len) < 0)
		return 0;
	if (getsockopt(peer->fd, SOL_SOCKET, SO_PEERGROUPS, ret_gids, &gids_len) == 0)
		n = gids_len / sizeof(gid_t);
	else if (errno == ERANGE)
		name_many_groups(peer->server, ucred.uid);
	ret_gids[n++] = ucred.gid;
	return n;
}

void peer_match(struct peer *peer)
{
	gid_t gids[PEER_GROUPS_MAX];
	size_t n = peer_groups(peer, gids);

	peer->grants = (struct grants){0};
	if (n > 0)
		policy_match(peer->server->policy, peer->listener_index, peer->uid, gids, n, &peer->grants);
}

/* A reply to none of its requests, for who will not be served; as far as it is taken at once. */
static void tell(int fd, enum status status, const char *text)
{
	CekReply reply = CEK__V1__REPLY__INIT;
	uint8_t frame[FRAME_HEADER + NOTICE_MAX];
	size_t len;

	reply.status = (Cek__V1__Status)status;
	reply.message = (char *)text;
	len = cek__v1__reply__get_packed_size(&reply);
	if (len > NOTICE_MAX)
		return;
	frame_header(frame, len);
	cek__v1__reply__pack(&reply, frame + FRAME_HEADER);
	(void)send(fd, frame, FRAME_HEADER + len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Whether this user may connect at all; counts it if so. */
static int admit(struct server *server, int fd, struct user *user)
{
	if (user->uid == POLICY_UID_UNMAPPED) {
		log_warning("a connection was refused: cekd's user namespace does not map its user, which the kernel "
			    "shows as "
			    "uid %d (often called nobody), so that no rule can name it",
			POLICY_UID_UNMAPPED);
		tell(fd, STATUS_DENIED,
			"the user namespace of cekd does not map this user, so that no rule can name it");
		return -EACCES;
	}
	if (server->n_peers >= server->turn->limits.connections)
		return -EUSERS;
	return quota_connect(server->quota, user);
}

/* Who is at the other end: work and log lines are his from here on. */
static int find_user(struct server *server, int fd, size_t listener, struct ucred *ret_ucred)
{
	socklen_t len = sizeof(*ret_ucred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_ucred, &len) < 0)
		return -errno;
	server->quota->served = quota_user(server->quota, ret_ucred->uid, listener, server->listeners[listener].name);
	return server->quota->served ? 0 : -ENOMEM;
}

struct peer *peer_new(struct server *server, int fd, size_t listener)
{
	struct ucred ucred;
	struct peer *peer = NULL;
	int r = find_user(server, fd, listener, &ucred);
	struct user *user = r == 0 ? server->quota->served : NULL;

	if (r == 0)
		r = admit(server, fd, user);
	if (r == 0)
		peer = calloc(1, sizeof(*peer));
	if (!peer) {
		server->refused_connections++;
		if (r == 0)
			quota_disconnect(server->quota, user);
		close(fd);
		return NULL;
	}
	*peer = (struct peer){.server = server,
		.fd = fd,
		.user = user,
		.uid = ucred.uid,
		.pid = ucred.pid,
		.listener = server->listeners[listener].name,
		.listener_index = listener};
	list_init(&peer->dirty);
	list_init(&peer->held);
	list_init(&peer->ready);
	list_init(&peer->watching);
	list_init(&peer->requests);
	list_append(&server->peers, &peer->link);
	server->n_peers++;
	event_assign(&peer->readable, server->turn->base, fd, EV_READ | EV_PERSIST, input_readable, peer);
	event_assign(&peer->writable, server->turn->base, fd, EV_WRITE, peer_writable, peer);
	peer_match(peer);
	input_expect(peer);
	input_go_on(peer);
	return peer;
}

void peer_free(struct peer *peer)
{
	struct server *server = peer->server;
	struct link *link;

	while ((link = list_take(&peer->requests)))
		server->events->gone(server->owner, link);
	event_del(&peer->readable);
	event_del(&peer->writable);
	timer_clear(&server->turn->timers, &peer->silent);
	timer_clear(&server->turn->timers, &peer->stalled);
	peer->user->output -= peer->output.len + peer->express.len;
	input_drop(peer);
	bytes_drop(&peer->output, &server->chunks, peer->output.len);
	bytes_drop(&peer->express, &server->chunks, peer->express.len);
	list_remove(&peer->link);
	list_remove(&peer->dirty);
	list_remove(&peer->held);
	list_remove(&peer->watching);
	server->n_peers--;
	share_less(server, peer->user);
	quota_disconnect(server->quota, peer->user);
	close(peer->fd);
	free(peer);
	server->one_closed = true;
}
