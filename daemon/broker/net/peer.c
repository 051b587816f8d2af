#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/net/peer.h"
#include "daemon/broker/request/request.h"
#include "proto/frame.h"

enum {
	FRAME_MAX = FRAME_HEADER + FRAME_BODY_MAX,
	IOV_MAX_USED = 32,
	GROUPS_MAX = 1024,
	WATCH_REPLY = 64, /* bytes, at most */
};

void peer_touch(struct peer *peer)
{
	if (list_empty(&peer->dirty))
		list_append(&peer->broker->server.dirty, &peer->dirty);
}

/* ---- in ------------------------------------------------------------------------------------------------------- */

/* Whether one more frame may be taken: the worst-case reply must fit beside those that are open. A user with many
 * connections that do not read has one reply at a time on each. */
static bool can_take(const struct peer *peer)
{
	const struct broker *broker = peer->broker;
	size_t kept = peer->output.len + peer->reserved;

	if (peer->closing || peer->broken || peer->n_requests >= broker->turn.limits.requests_per_connection ||
		audit_full(&broker->audit))
		return false;
	return kept == 0 || (kept + FRAME_MAX <= broker->turn.limits.output_bytes &&
		peer->user->output + FRAME_MAX <= broker->turn.output_per_user);
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

	peer->broker->metrics.closed_silent++;
	peer->broken = true;
	peer_touch(peer);
}

static void expect_request(struct peer *peer)
{
	struct broker *broker = peer->broker;

	if (!peer->silent.fire)
		timer_set(&broker->turn.timers, &peer->silent,
			broker->turn.now + broker->turn.limits.silent_seconds * UINT64_C(1000000), on_silent);
}

/* Keep what was not used; while reading is paused these may be whole frames. */
static void keep(struct peer *peer, const uint8_t *data, size_t len)
{
	struct broker *broker = peer->broker;

	peer->paused = !peer->closing && !can_take(peer) && len > 0;
	if (peer->closing || len == 0)
		return;
	if (bytes_append(&peer->input, &broker->chunks, data, len) < 0) {
		peer->broken = true;
		peer_touch(peer);
	}
	if (!peer->paused)
		expect_request(peer);
}

/* Serve the frames in data, as many as may be taken now. */
static void take_frames(struct peer *peer, const uint8_t *data, size_t len)
{
	struct broker *broker = peer->broker;
	enum frame_result result = FRAME_WHOLE;
	const uint8_t *body;
	size_t used = 0, body_len;

	while (can_take(peer) && (result = frame_next(data + used, len - used, &body, &body_len)) == FRAME_WHOLE) {
		timer_clear(&broker->turn.timers, &peer->silent);
		request_run(peer, body, body_len);
		arena_reset(&broker->turn.arena);
		used += FRAME_HEADER + body_len;
	}
	if (result == FRAME_TOO_LARGE)
		request_refuse_frame(peer, STATUS_TOO_LARGE, "a frame longer than 65536 bytes");
	else if (result == FRAME_EMPTY)
		request_refuse_frame(peer, STATUS_MALFORMED, "an empty frame");
	if (result == FRAME_TOO_LARGE || result == FRAME_EMPTY)
		peer->closing = true;
	keep(peer, data + used, len - used);
	set_reading(peer, can_take(peer) && !peer->paused && !peer->eof && !broker->turn.draining);
	if (!peer->reading && audit_full(&broker->audit) && list_empty(&peer->stopped))
		list_append(&broker->server.stopped, &peer->stopped);
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
	struct broker *broker = peer->broker;
	size_t before = peer->input.len;
	ssize_t n = recv(fd, broker->turn.input + before, READ_SIZE, MSG_DONTWAIT);

	turn_look_at_clock(&broker->turn);
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
		keep(peer, broker->turn.input + before, (size_t)n);
	} else {
		bytes_copy(&peer->input, broker->turn.input, before);
		bytes_drop(&peer->input, &broker->chunks, before);
		take_frames(peer, broker->turn.input, before + (size_t)n);
	}
	wipe(broker->turn.input, before + (size_t)n);
}

/* Go on with what was kept while reading was paused. */
static void read_on(struct peer *peer)
{
	struct broker *broker = peer->broker;
	size_t len = peer->input.len;

	bytes_copy(&peer->input, broker->turn.input, len);
	bytes_drop(&peer->input, &broker->chunks, len);
	take_frames(peer, broker->turn.input, len);
	wipe(broker->turn.input, len);
}

void peer_stop_reading(struct peer *peer)
{
	set_reading(peer, false);
	timer_clear(&peer->broker->turn.timers, &peer->silent);
	peer_touch(peer);
}

/* ---- out ------------------------------------------------------------------------------------------------------ */

uint8_t *peer_room(struct peer *peer, size_t size)
{
	return bytes_room(&peer->output, &peer->broker->chunks, size);
}

void peer_commit(struct peer *peer, size_t size, uint64_t n)
{
	bytes_commit(&peer->output, size);
	peer->user->output += size;
	if (n > 0)
		peer->last_record = n;
	peer_touch(peer);
}

void peer_send(struct peer *peer, const uint8_t *frame, size_t len, uint64_t n)
{
	size_t before = peer->output.len;

	if (bytes_append(&peer->output, &peer->broker->chunks, frame, len) < 0)
		peer->broken = true;
	peer->user->output += peer->output.len - before;
	if (n > 0)
		peer->last_record = n;
	peer_touch(peer);
}

/* Which part of the output may leave. One mark at a time: what comes after it waits for the next. */
static void release(struct peer *peer)
{
	struct broker *broker = peer->broker;

	if (peer->mark > 0 && audit_releases(&broker->audit, peer->mark)) {
		peer->released = peer->marked;
		peer->mark = 0;
	}
	if (peer->mark == 0 && peer->released < peer->output.len) {
		if (audit_releases(&broker->audit, peer->last_record)) {
			peer->released = peer->output.len;
		} else {
			peer->mark = peer->last_record;
			peer->marked = peer->output.len;
		}
	}
	list_remove(&peer->held);
	if (peer->mark > 0)
		list_append(&broker->server.held, &peer->held);
}

static void on_stalled(struct timer *timer)
{
	struct peer *peer = list_entry(timer, struct peer, stalled);

	peer->broker->metrics.closed_stalled++;
	peer->broken = true;
	peer_touch(peer);
}

static void written(struct peer *peer, size_t n)
{
	bytes_drop(&peer->output, &peer->broker->chunks, n);
	peer->user->output -= n;
	peer->released -= n;
	if (peer->mark > 0)
		peer->marked -= n;
	timer_clear(&peer->broker->turn.timers, &peer->stalled);
}

static void write_out(struct peer *peer)
{
	struct broker *broker = peer->broker;

	while (peer->released > 0 && !peer->writing) {
		struct iovec iov[IOV_MAX_USED];
		struct msghdr message = {.msg_iov = iov};
		ssize_t n;

		message.msg_iovlen = (size_t)bytes_iov(&peer->output, peer->released, iov, IOV_MAX_USED);
		n = sendmsg(peer->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0) {
			written(peer, (size_t)n);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			peer->writing = event_add(&peer->writable, NULL) == 0;
			if (!peer->stalled.fire)
				timer_set(&broker->turn.timers, &peer->stalled,
					broker->turn.now + broker->turn.limits.stalled_seconds * UINT64_C(1000000), on_stalled);
			return;
		} else if (errno != EINTR) {
			peer->broken = true;
			return;
		}
	}
}

static void on_writable(evutil_socket_t fd, short what, void *data)
{
	struct peer *peer = data;

	peer->writing = false;
	peer_touch(peer);
}

void peer_tell_epoch(struct peer *peer)
{
	struct broker *broker = peer->broker;
	CekReply reply = CEK__V1__REPLY__INIT;
	Cek__V1__WatchReply watch = CEK__V1__WATCH_REPLY__INIT;
	uint8_t frame[WATCH_REPLY];
	size_t len;

	peer->watch_due = peer->output.len > 0 &&
		peer->output.len + peer->reserved + WATCH_REPLY > broker->turn.limits.output_bytes;
	if (peer->watch_due)
		return;
	reply.id = peer->watch_id;
	reply.status = CEK__V1__STATUS__STATUS_OK;
	reply.epoch = watch.epoch = broker->ring.epoch;
	reply.result_case = CEK__V1__REPLY__RESULT_WATCH;
	reply.watch = &watch;
	len = cek__v1__reply__pack(&reply, frame + FRAME_HEADER);
	frame_header(frame, len);
	peer_send(peer, frame, FRAME_HEADER + len, 0);
}

bool peer_idle(const struct peer *peer)
{
	return peer->n_requests == 0 && peer->output.len == 0 && !peer->paused;
}

void peer_turn(struct peer *peer)
{
	struct broker *broker = peer->broker;

	if (!peer->broken) {
		release(peer);
		write_out(peer);
	}
	if (peer->broken || ((peer->closing || peer->eof) && peer_idle(peer))) {
		peer_free(peer);
		return;
	}
	if (peer->watch_due)
		peer_tell_epoch(peer);
	if (!can_take(peer))
		return;
	if (peer->paused)
		read_on(peer);
	else
		set_reading(peer, !peer->eof && !broker->turn.draining);
}

/* ---- coming and going ----------------------------------------------------------------------------------------- */

void peer_match(struct peer *peer)
{
	gid_t gids[GROUPS_MAX + 1];
	struct ucred ucred;
	socklen_t len = sizeof(ucred), gids_len = GROUPS_MAX * sizeof(gid_t);
	size_t n = 0;

	peer->grants = (struct grants){0};
	if (getsockopt(peer->fd, SOL_SOCKET, SO_PEERCRED, &ucred, &len) < 0)
		return;
	if (getsockopt(peer->fd, SOL_SOCKET, SO_PEERGROUPS, gids, &gids_len) == 0)
		n = gids_len / sizeof(gid_t);
	else if (errno == ERANGE)
		log_warning("uid %u is in more than %d groups: rules for groups see only its first one", ucred.uid,
			GROUPS_MAX);
	gids[n++] = ucred.gid;
	policy_match(&peer->broker->policy, peer->listener_index, ucred.uid, gids, n, &peer->grants);
}

/* Whether this uid may connect at all; counts it if so. */
static int admit(struct broker *broker, int fd, struct ucred *ret_ucred, struct user **ret_user)
{
	socklen_t len = sizeof(*ret_ucred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_ucred, &len) < 0)
		return -errno;
	if (ret_ucred->uid == POLICY_UID_UNMAPPED) {
		log_warning("a connection from a user namespace that is not mapped here was refused");
		return -EACCES;
	}
	if (broker->server.n_peers >= broker->turn.limits.connections)
		return -EUSERS;
	return quota_connect(&broker->quota, ret_ucred->uid, ret_user);
}

struct peer *peer_new(struct broker *broker, int fd, size_t listener)
{
	struct ucred ucred;
	struct user *user = NULL;
	struct peer *peer = NULL;
	int r = admit(broker, fd, &ucred, &user);

	if (r == 0)
		peer = calloc(1, sizeof(*peer));
	if (!peer) {
		broker->metrics.refused_connections++;
		if (user)
			quota_disconnect(&broker->quota, user);
		close(fd);
		return NULL;
	}
	*peer = (struct peer){.broker = broker, .fd = fd, .user = user, .uid = ucred.uid, .pid = ucred.pid,
		.listener = broker->server.listeners[listener].name, .listener_index = listener};
	list_init(&peer->dirty);
	list_init(&peer->held);
	list_init(&peer->stopped);
	list_init(&peer->watching);
	list_init(&peer->requests);
	list_append(&broker->server.peers, &peer->link);
	broker->server.n_peers++;
	event_assign(&peer->readable, broker->turn.base, fd, EV_READ | EV_PERSIST, on_readable, peer);
	event_assign(&peer->writable, broker->turn.base, fd, EV_WRITE, on_writable, peer);
	peer_match(peer);
	expect_request(peer);
	set_reading(peer, true);
	return peer;
}

void peer_free(struct peer *peer)
{
	struct broker *broker = peer->broker;
	struct link *link;

	while ((link = list_take(&peer->requests)))
		request_orphan(list_entry(link, struct request, open));
	event_del(&peer->readable);
	event_del(&peer->writable);
	timer_clear(&broker->turn.timers, &peer->silent);
	timer_clear(&broker->turn.timers, &peer->stalled);
	peer->user->output -= peer->output.len;
	bytes_drop(&peer->input, &broker->chunks, peer->input.len);
	bytes_drop(&peer->output, &broker->chunks, peer->output.len);
	list_remove(&peer->link);
	list_remove(&peer->dirty);
	list_remove(&peer->held);
	list_remove(&peer->stopped);
	list_remove(&peer->watching);
	broker->server.n_peers--;
	quota_disconnect(&broker->quota, peer->user);
	close(peer->fd);
	free(peer);
	server_accept_again(broker);
}
