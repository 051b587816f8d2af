/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/socket.h>

#include "daemon/broker/journal/audit.h"
#include "daemon/broker/net/output.h"
#include "daemon/broker/net/share.h"
#include "daemon/broker/policy/quota.h"
#include "proto/frame.h"

enum {
	IOV_MAX_USED = 32,
	WATCH_REPLY = 64, /* bytes, at most */
	WRITE_US = 2,     /* that writing costs at least, */
	BYTES_US = 4096,  /* and one more for so many */
};

void peer_touch(struct peer *peer)
{
	if (list_empty(&peer->dirty))
		list_append(&peer->server->dirty, &peer->dirty);
}

uint8_t *peer_room(struct peer *peer, size_t size)
{
	return bytes_room(&peer->output, &peer->server->chunks, size);
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

	if (bytes_append(&peer->output, &peer->server->chunks, frame, len) < 0)
		peer->broken = true;
	peer->user->output += peer->output.len - before;
	if (n > 0)
		peer->last_record = n;
	peer_touch(peer);
}

void peer_send_express(struct peer *peer, const uint8_t *frame, size_t len)
{
	size_t before = peer->express.len;

	if (bytes_append(&peer->express, &peer->server->chunks, frame, len) < 0)
		peer->broken = true;
	peer->user->output += peer->express.len - before;
	peer_touch(peer);
}

/* Which part of the output may leave. One mark at a time: what comes after it waits for the next. */
static void release(struct peer *peer)
{
	struct server *server = peer->server;

	if (peer->mark > 0 && audit_releases(server->audit, peer->mark)) {
		peer->released = peer->marked;
		peer->mark = 0;
	}
	if (peer->mark == 0 && peer->released < peer->output.len) {
		if (audit_releases(server->audit, peer->last_record)) {
			peer->released = peer->output.len;
		} else {
			peer->mark = peer->last_record;
			peer->marked = peer->output.len;
		}
	}
	list_remove(&peer->held);
	if (peer->mark > 0)
		list_append(&server->held, &peer->held);
}

static void on_stalled(struct timer *timer)
{
	struct peer *peer = list_entry(timer, struct peer, stalled);

	peer->server->closed_stalled++;
	peer->broken = true;
	peer_touch(peer);
}

static void written(struct peer *peer, struct bytes *from, size_t n)
{
	bytes_drop(from, &peer->server->chunks, n);
	peer->user->output -= n;
	turns_charge(&peer->server->quota->turns, &peer->user->turn, WRITE_US + n / BYTES_US);
	share_less(peer->server, peer->user);
	timer_clear(&peer->server->turn->timers, &peer->stalled);
	if (from == &peer->express) {
		peer->inside = peer->express.len > 0;
		return;
	}
	peer->released -= n;
	if (peer->mark > 0)
		peer->marked -= n;
}

/* What leaves next; NULL: nothing. Both begin and end with whole frames, and what is released ends with one. */
static struct bytes *next_out(struct peer *peer, size_t *ret_len)
{
	const bool express = peer->inside || (peer->released == 0 && peer->express.len > 0);

	*ret_len = express ? peer->express.len : peer->released;
	if (*ret_len == 0)
		return NULL;
	return express ? &peer->express : &peer->output;
}

static void write_out(struct peer *peer)
{
	struct turn *turn = peer->server->turn;
	struct bytes *from;
	size_t len;

	while (!peer->writing && (from = next_out(peer, &len)) != NULL) {
		struct iovec iov[IOV_MAX_USED];
		struct msghdr message = {.msg_iov = iov};
		ssize_t n;

		message.msg_iovlen = (size_t)bytes_iov(from, len, iov, IOV_MAX_USED);
		n = sendmsg(peer->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0) {
			written(peer, from, (size_t)n);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			peer->writing = event_add(&peer->writable, NULL) == 0;
			if (!peer->stalled.fire)
				timer_set(&turn->timers, &peer->stalled,
					turn->now + turn->limits.stalled_seconds * UINT64_C(1000000), on_stalled);
			return;
		} else if (errno != EINTR) {
			peer->broken = true;
			return;
		}
	}
}

void peer_writable(evutil_socket_t fd, short what, void *data)
{
	struct peer *peer = data;

	peer->writing = false;
	peer_touch(peer);
}

void peer_tell_epoch(struct peer *peer)
{
	const struct server *server = peer->server;
	CekReply reply = CEK__V1__REPLY__INIT;
	Cek__V1__WatchReply watch = CEK__V1__WATCH_REPLY__INIT;
	uint8_t frame[WATCH_REPLY];
	size_t len;

	peer->watch_due = peer->output.len > 0 &&
		peer->output.len + peer->reserved + WATCH_REPLY > server->turn->limits.output_bytes;
	if (peer->watch_due)
		return;
	reply.id = peer->watch_id;
	reply.status = CEK__V1__STATUS__STATUS_OK;
	reply.epoch = watch.epoch = server->ring->epoch;
	reply.result_case = CEK__V1__REPLY__RESULT_WATCH;
	reply.watch = &watch;
	len = cek__v1__reply__pack(&reply, frame + FRAME_HEADER);
	frame_header(frame, len);
	peer_send(peer, frame, FRAME_HEADER + len, 0);
}

void peer_write(struct peer *peer)
{
	release(peer);
	write_out(peer);
}
