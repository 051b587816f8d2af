/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/broker/journal/audit.h"
#include "daemon/broker/net/output.h"
#include "daemon/broker/net/peer.h"
#include "daemon/broker/policy/policy.h"
#include "daemon/broker/policy/quota.h"
#include "proto/frame.h"

enum {
	FRAME_MAX = FRAME_HEADER + FRAME_BODY_MAX,
	GROUPS_MAX = PEER_GROUPS_MAX - 1,
	NOTICE_MAX = 256,
};

/* ---- in ------------------------------------------------------------------------------------------------------- */

/* Whether one more frame may be taken: the worst-case reply must fit beside those that are open. A user with many
 * connections that do not read has one reply at a time on each. */
static bool can_take(const struct peer *peer)
{
	const struct server *server = peer->server;
	const struct turn *turn = server->turn;
	size_t kept = peer->output.len + peer->express.len + peer->reserved;

	if (peer->closing || peer->broken || peer->n_requests >= turn->limits.requests_per_connection)
		return false;
	return kept == 0 ||
		(kept + FRAME_MAX <= turn->limits.output_bytes &&
			peer->user->output + FRAME_MAX <= turn->output_per_user);
}

static void set_reading(struct peer *peer, bool on)
{
	if (peer->reading == on)
		return;
	if (on)
		event_add(&peer->readable, NULL);
	else
		event_del(&peer->readable);
	peer->reading = on;
}

static void on_silent(struct timer *timer)
{
	struct peer *peer = list_entry(timer, struct peer, silent);

	peer->server->closed_silent++;
	peer->broken = true;
	peer_touch(peer);
}

static void expect_request(struct peer *peer)
{
	struct turn *turn = peer->server->turn;

	if (!peer->silent.fire)
		timer_set(&turn->timers, &peer->silent, turn->now + turn->limits.silent_seconds * UINT64_C(1000000),
			on_silent);
}

/* Keep what was not used; while reading is paused these may be whole frames. held: one waits for the records. */
static void keep(struct peer *peer, const uint8_t *data, size_t len, bool held)
{
	peer->paused = !peer->closing && (held || !can_take(peer)) && len > 0;
	if (peer->closing || len == 0)
		return;
	if (bytes_append(&peer->input, &peer->server->chunks, data, len) < 0) {
		peer->broken = true;
		peer_touch(peer);
	}
	if (!peer->paused)
		expect_request(peer);
}

/* The stream is beyond repair: answered, and no more is read. */
static void refuse(struct peer *peer, enum status status, const char *text)
{
	peer->server->malformed_frames++;
	peer->server->events->no_frame(peer->server->owner, peer, status, text);
	peer->closing = true;
}

/* Too much is unacknowledged for a request that is recorded before it is answered. */
static bool must_wait(const struct peer *peer, const uint8_t *body, size_t len)
{
	struct server *server = peer->server;
	bool wait;

	if (!audit_full(server->audit))
		return false;
	wait = !server->events->at_once(server->owner, body, len);
	arena_reset(&server->turn->arena);
	return wait;
}

/* Serve the frames in data, as many as may be taken now. */
static void take_frames(struct peer *peer, const uint8_t *data, size_t len)
{
	struct server *server = peer->server;
	struct turn *turn = server->turn;
	enum frame_result result = FRAME_WHOLE;
	const uint8_t *body;
	size_t used = 0, body_len;
	bool held = false;

	while (can_take(peer) && (result = frame_next(data + used, len - used, &body, &body_len)) == FRAME_WHOLE) {
		timer_clear(&turn->timers, &peer->silent);
		held = must_wait(peer, body, body_len);
		if (held)
			break;
		server->events->frame(server->owner, peer, body, body_len);
		arena_reset(&turn->arena);
		used += FRAME_HEADER + body_len;
	}
	if (result == FRAME_TOO_LARGE)
		refuse(peer, STATUS_TOO_LARGE, "a frame longer than 65536 bytes");
	else if (result == FRAME_EMPTY)
		refuse(peer, STATUS_MALFORMED, "an empty frame");
	keep(peer, data + used, len - used, held);
	set_reading(peer, can_take(peer) && !peer->paused && !peer->eof);
	if (held && list_empty(&peer->stopped))
		list_append(&server->stopped, &peer->stopped);
	peer_touch(peer);
}

/* Bytes of the frame whose beginning is kept. */
static size_t frame_size(const struct peer *peer)
{
	uint8_t h[FRAME_HEADER];

	if (peer->input.len < FRAME_HEADER)
		return FRAME_HEADER;
	bytes_copy(&peer->input, h, sizeof(h));
	return FRAME_HEADER + ((size_t)h[0] << 24 | (size_t)h[1] << 16 | (size_t)h[2] << 8 | h[3]);
}

static void on_readable(evutil_socket_t fd, short what, void *data)
{
	struct peer *peer = data;
	struct turn *turn = peer->server->turn;
	size_t before = peer->input.len;
	ssize_t n = recv(fd, turn->input + before, READ_SIZE, MSG_DONTWAIT);

	turn_look_at_clock(turn);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n <= 0) {
		peer->eof = true;
		peer->broken = n < 0;
		set_reading(peer, false);
		peer_touch(peer);
		return;
	}
	if (before > 0 && before + (size_t)n < frame_size(peer)) {
		/* still not whole: do not copy the beginning each time */
		keep(peer, turn->input + before, (size_t)n, false);
	} else {
		bytes_copy(&peer->input, turn->input, before);
		bytes_drop(&peer->input, &peer->server->chunks, before);
		take_frames(peer, turn->input, before + (size_t)n);
	}
	wipe(turn->input, before + (size_t)n);
}

/* Go on with what was kept while reading was paused. */
static void read_on(struct peer *peer)
{
	uint8_t *input = peer->server->turn->input;
	size_t len = peer->input.len;

	bytes_copy(&peer->input, input, len);
	bytes_drop(&peer->input, &peer->server->chunks, len);
	take_frames(peer, input, len);
	wipe(input, len);
}

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
	if (!can_take(peer) || !list_empty(&peer->stopped))
		return;
	if (peer->paused)
		read_on(peer);
	else
		set_reading(peer, !peer->eof);
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

/* Whether this uid may connect at all; counts it if so. */
static int admit(struct server *server, int fd, struct ucred *ret_ucred, struct user **ret_user)
{
	socklen_t len = sizeof(*ret_ucred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_ucred, &len) < 0)
		return -errno;
	if (ret_ucred->uid == POLICY_UID_UNMAPPED) {
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
	return quota_connect(server->quota, ret_ucred->uid, ret_user);
}

struct peer *peer_new(struct server *server, int fd, size_t listener)
{
	struct ucred ucred;
	struct user *user = NULL;
	struct peer *peer = NULL;
	int r = admit(server, fd, &ucred, &user);

	if (r == 0)
		peer = calloc(1, sizeof(*peer));
	if (!peer) {
		server->refused_connections++;
		if (user)
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
	list_init(&peer->stopped);
	list_init(&peer->watching);
	list_init(&peer->requests);
	list_append(&server->peers, &peer->link);
	server->n_peers++;
	event_assign(&peer->readable, server->turn->base, fd, EV_READ | EV_PERSIST, on_readable, peer);
	event_assign(&peer->writable, server->turn->base, fd, EV_WRITE, peer_writable, peer);
	peer_match(peer);
	expect_request(peer);
	set_reading(peer, true);
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
	bytes_drop(&peer->input, &server->chunks, peer->input.len);
	bytes_drop(&peer->output, &server->chunks, peer->output.len);
	bytes_drop(&peer->express, &server->chunks, peer->express.len);
	list_remove(&peer->link);
	list_remove(&peer->dirty);
	list_remove(&peer->held);
	list_remove(&peer->stopped);
	list_remove(&peer->watching);
	server->n_peers--;
	quota_disconnect(server->quota, peer->user);
	close(peer->fd);
	free(peer);
	server->one_closed = true;
}
