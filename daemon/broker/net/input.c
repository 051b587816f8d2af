/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/broker/net/input.h"
#include "daemon/broker/net/output.h"
#include "daemon/broker/net/share.h"
#include "daemon/broker/policy/quota.h"
#include "proto/frame.h"

/* ---- one peer -------------------------------------------------------------------------------------------------- */

/* Whether one more frame may be taken: the worst-case reply must fit beside those that are open. */
static bool can_take(const struct peer *peer)
{
	const struct turn *turn = peer->server->turn;
	size_t kept = peer->output.len + peer->express.len + peer->reserved;

	if (peer->closing || peer->broken || peer->n_requests >= turn->limits.requests_per_connection)
		return false;
	return kept == 0 || kept + FRAME_MAX <= turn->limits.output_bytes;
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

void input_want(struct peer *peer)
{
	if (!list_empty(&peer->ready))
		return;
	list_append(&peer->user->ready, &peer->ready);
	turns_enter(&peer->server->quota->turns, &peer->user->turn);
}

/* Nothing is read of it until its user holds less. */
static void wait_for_share(struct peer *peer, bool records)
{
	set_reading(peer, false);
	share_wait(peer, records);
}

/* The same for one whose frame is not whole. Nobody would notice that its end has come, since it is not read; but what
 * came just before that is looked at once more. */
static void wait_for_rest(struct peer *peer)
{
	struct pollfd end = {.fd = peer->fd, .events = POLLRDHUP};

	if (peer->ended) {
		peer->eof = peer->broken = true;
		peer_touch(peer);
		return;
	}
	input_expect(peer);
	peer->ended = poll(&end, 1, 0) > 0;
	peer->arrived = peer->ended;
	if (peer->ended)
		input_want(peer);
	else
		wait_for_share(peer, false);
}

/* The loop tells again as long as it is not read: once is enough, if its turn does not come soon. */
void input_readable(evutil_socket_t fd, short what, void *data)
{
	struct peer *peer = data;

	if (list_empty(&peer->ready))
		input_want(peer);
	else if (peer->arrived)
		set_reading(peer, false);
	peer->arrived = true;
}

static void on_silent(struct timer *timer)
{
	struct peer *peer = list_entry(timer, struct peer, silent);

	peer->server->closed_silent++;
	peer->broken = true;
	peer_touch(peer);
}

void input_expect(struct peer *peer)
{
	struct turn *turn = peer->server->turn;

	if (!peer->silent.fire)
		timer_set(&turn->timers, &peer->silent, turn->now + turn->limits.silent_seconds * UINT64_C(1000000),
			on_silent);
}

void input_drop(struct peer *peer)
{
	list_remove(&peer->ready); /* before others are woken: it must not be this one */
	bytes_drop(&peer->input, &peer->server->chunks, peer->input.len);
	share_account(peer);
	if (list_empty(&peer->user->ready))
		turns_leave(&peer->user->turn);
}

/* ---- frames ---------------------------------------------------------------------------------------------------- */

/* Why no more frames were taken. */
enum stop {
	STOP_INCOMPLETE, /* the next one is not whole */
	STOP_FULL,       /* until replies of this peer have left */
	STOP_SHARE,      /* until its user holds less */
	STOP_RECORDS,    /* until records are written */
	STOP_TIME,       /* until it is its turn again */
	STOP_BROKEN,     /* for good */
};

/* Keep what was not used; unless it stopped at half a frame these may be whole ones. */
static void keep(struct peer *peer, const uint8_t *data, size_t len, enum stop stop)
{
	peer->paused = !peer->closing && stop != STOP_INCOMPLETE && len > 0;
	if (peer->closing || len == 0)
		return;
	if (bytes_append(&peer->input, &peer->server->chunks, data, len) < 0) {
		peer->broken = true;
		peer_touch(peer);
	}
}

/* The stream is beyond repair: answered, and no more is read. */
static void refuse(struct peer *peer, enum status status, const char *text)
{
	peer->server->malformed_frames++;
	peer->server->events->no_frame(peer->server->owner, peer, status, text);
	peer->closing = true;
}

/* Too much is on its way for a request that is recorded before it is answered. */
static bool must_wait(const struct peer *peer, const uint8_t *body, size_t len)
{
	struct server *server = peer->server;
	bool wait;

	if (share_has_records(peer))
		return false;
	wait = !server->events->at_once(server->owner, body, len);
	arena_reset(&server->turn->arena);
	return wait;
}

static enum stop next_frame(struct peer *peer, const uint8_t *data, size_t len, size_t *used)
{
	struct server *server = peer->server;
	enum frame_result result;
	const uint8_t *body;
	size_t body_len;

	if (!can_take(peer))
		return peer->closing || peer->broken ? STOP_BROKEN : STOP_FULL;
	if (!share_has_output(peer))
		return STOP_SHARE;
	result = frame_next(data + *used, len - *used, &body, &body_len);
	if (result == FRAME_INCOMPLETE)
		return STOP_INCOMPLETE;
	if (result == FRAME_TOO_LARGE)
		refuse(peer, STATUS_TOO_LARGE, "a frame longer than 65536 bytes");
	else if (result == FRAME_EMPTY)
		refuse(peer, STATUS_MALFORMED, "an empty frame");
	if (result != FRAME_WHOLE)
		return STOP_BROKEN;
	timer_clear(&server->turn->timers, &peer->silent);
	if (must_wait(peer, body, body_len))
		return STOP_RECORDS;
	server->events->frame(server->owner, peer, body, body_len);
	arena_reset(&server->turn->arena);
	turn_cost(server->turn, COST_FRAME);
	*used += FRAME_HEADER + body_len;
	return turn_over(server->turn) ? STOP_TIME : STOP_INCOMPLETE;
}

/* Serve the frames in data, as many as may be taken now. */
static enum stop take_frames(struct peer *peer, const uint8_t *data, size_t len, size_t *ret_used)
{
	enum stop stop;
	size_t before;

	*ret_used = 0;
	do {
		before = *ret_used;
		stop = next_frame(peer, data, len, ret_used);
	} while (stop == STOP_INCOMPLETE && *ret_used > before);
	peer_touch(peer);
	return stop;
}

/* What it waits for, if there is something left. */
static void stopped(struct peer *peer, enum stop stop, bool left)
{
	if (stop == STOP_INCOMPLETE || (stop == STOP_TIME && !left)) {
		if (left)
			input_expect(peer);
		set_reading(peer, !peer->eof && !peer->closing);
	} else if (stop == STOP_TIME) {
		input_want(peer);
	} else if (stop == STOP_SHARE || stop == STOP_RECORDS) {
		/* What it sent is not looked at: it is not the one that is silent. */
		timer_clear(&peer->server->turn->timers, &peer->silent);
		wait_for_share(peer, stop == STOP_RECORDS);
	} else {
		set_reading(peer, false);
	}
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* Bytes of the frame whose beginning is kept. */
static size_t frame_size(const struct peer *peer)
{
	uint8_t header[FRAME_HEADER];

	if (peer->input.len < FRAME_HEADER)
		return FRAME_HEADER;
	bytes_copy(&peer->input, header, sizeof(header));
	return FRAME_HEADER + frame_body_len(header);
}

/* How much may be read, and whether it has to stay in the socket but for what is used: without room in its user's share
 * only whole frames are taken, and one peer at a time may complete one that was begun. 0: it has to wait. */
static size_t room(struct peer *peer, bool *ret_peek)
{
	struct user *user = peer->user;

	*ret_peek = false;
	if (share_has_input(peer) || user->input_holder == peer)
		return READ_SIZE;
	if (peer->input.len == 0) {
		*ret_peek = true;
		return FRAME_MAX;
	}
	if (user->input_holder)
		return 0;
	user->input_holder = peer;
	return READ_SIZE;
}

static void no_bytes(struct peer *peer, ssize_t n)
{
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
		set_reading(peer, true);
		return;
	}
	peer->eof = true;
	peer->broken = n < 0;
	set_reading(peer, false);
	peer_touch(peer);
}

/* Nothing of what came is kept: what was used is taken out of the socket, the rest stays there. */
static void serve_peeked(struct peer *peer, size_t len)
{
	uint8_t *input = peer->server->turn->input;
	size_t used;
	enum stop stop = take_frames(peer, input, len, &used);

	if (used > 0 && recv(peer->fd, input, used, MSG_DONTWAIT) != (ssize_t)used)
		peer->broken = true;
	if (stop == STOP_INCOMPLETE && used == 0) {
		wait_for_rest(peer);
		return;
	}
	peer->arrived = stop == STOP_TIME;
	stopped(peer, stop, stop != STOP_INCOMPLETE);
}

static void serve_input(struct peer *peer, size_t len)
{
	const uint8_t *input = peer->server->turn->input;
	size_t used;
	enum stop stop = take_frames(peer, input, len, &used);

	keep(peer, input + used, len - used, stop);
	share_account(peer);
	stopped(peer, stop, used < len);
}

static void read_socket(struct peer *peer)
{
	uint8_t *input = peer->server->turn->input;
	const size_t before = peer->input.len;
	bool peek;
	size_t size = room(peer, &peek);
	ssize_t n;

	if (size == 0) {
		wait_for_share(peer, false);
		return;
	}
	n = recv(peer->fd, input + before, size, MSG_DONTWAIT | (peek ? MSG_PEEK : 0));
	if (n <= 0) {
		no_bytes(peer, n);
		return;
	}
	if (peek) {
		serve_peeked(peer, (size_t)n);
	} else if (before > 0 && before + (size_t)n < frame_size(peer)) {
		/* still not whole: do not copy the beginning each time */
		keep(peer, input + before, (size_t)n, STOP_INCOMPLETE);
		share_account(peer);
		stopped(peer, STOP_INCOMPLETE, true);
	} else {
		bytes_copy(&peer->input, input, before);
		bytes_drop(&peer->input, &peer->server->chunks, before);
		serve_input(peer, before + (size_t)n);
	}
	wipe(input, before + (size_t)n);
}

/* Go on with what was kept while reading was paused. */
static void read_on(struct peer *peer)
{
	uint8_t *input = peer->server->turn->input;
	size_t len = peer->input.len;

	bytes_copy(&peer->input, input, len);
	bytes_drop(&peer->input, &peer->server->chunks, len);
	serve_input(peer, len);
	wipe(input, len);
}

void input_serve(struct peer *peer)
{
	const size_t held = peer->user->input;
	const bool arrived = peer->arrived;

	list_remove(&peer->ready);
	peer->arrived = peer->waits = false;
	if (peer->broken)
		return;
	if (peer->watch_due)
		peer_tell_epoch(peer);
	if (peer->paused)
		read_on(peer);
	else if (arrived && !can_take(peer))
		set_reading(peer, false);
	else if (arrived && !peer->eof)
		read_socket(peer);
	else if (!peer->closing && !peer->eof)
		set_reading(peer, true);
	if (peer->user->input < held)
		share_less(peer->server, peer->user);
}

void input_go_on(struct peer *peer)
{
	if (!can_take(peer) || !list_empty(&peer->ready))
		return;
	if (peer->paused)
		input_want(peer);
	else
		set_reading(peer, !peer->eof);
}
