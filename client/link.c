/* SPDX-License-Identifier: Apache-2.0 */
#include "client/link.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/cek.h"
#include "proto/frame.h"

enum {
	BACKOFF_MIN_MS = 10,
	BACKOFF_MAX_MS = 5000,
	GRACE_MS = 30000,       /* so long a cekd that has served is waited for when it is gone, */
	GRACE_BACKOFF_MS = 100, /* and is looked for at least so often */
	FRAME_MS = 10000,       /* from the first byte of a frame to its last: cekd writes it at once */
	READ_LARGE = 65536,     /* bytes: room for one read once replies come in numbers */
	ROUNDS_MAX = 64,        /* reads in one turn: then other descriptors of the caller's loop get theirs */
};

static const uint64_t ns_per_ms = 1000000;

int link_init(struct cekd_link *link, const struct sockaddr_un *address, struct stream *out,
	const struct link_events *events, void *owner)
{
	*link = (struct cekd_link){.events = events, .owner = owner, .out = out, .address = *address, .socket = -1};
	link->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return link->epoll_fd < 0 ? -errno : 0;
}

void link_deinit(struct cekd_link *link, bool foreign)
{
	if (link->socket >= 0) {
		/* A child that inherited it would keep the registration alive; and must leave it alone itself. */
		if (!foreign)
			(void)epoll_ctl(link->epoll_fd, EPOLL_CTL_DEL, link->socket, NULL);
		close(link->socket);
	}
	close(link->epoll_fd);
	buffer_deinit(&link->in);
}

void link_end(struct cekd_link *link)
{
	link->ended = true;
}

static bool in_grace(const struct cekd_link *link)
{
	return link->grace_until > 0 && clock_monotonic_ns() < link->grace_until;
}

static void backoff(struct cekd_link *link)
{
	const unsigned max = in_grace(link) ? GRACE_BACKOFF_MS : BACKOFF_MAX_MS;

	link->backoff_ms = link->backoff_ms == 0 ? BACKOFF_MIN_MS : link->backoff_ms * 2;
	if (link->backoff_ms > max)
		link->backoff_ms = max;
	link->retry_at = clock_monotonic_ns() + link->backoff_ms * ns_per_ms;
}

static void link_close(struct cekd_link *link)
{
	if (link->socket < 0)
		return;
	(void)epoll_ctl(link->epoll_fd, EPOLL_CTL_DEL, link->socket, NULL); /* a child may still have it */
	close(link->socket);
	link->socket = -1;
	link->blocked = link->broken = link->shut = link->flood = link->unread = false;
	link->frame_until = 0;
	buffer_consume(&link->in, buffer_len(&link->in));
}

static void link_refuse(struct cekd_link *link, int status)
{
	link_close(link);
	link->closed_first = false;
	backoff(link);
	stream_drop_all(link->out);
	link->events->refused(link->owner, status);
}

/* The socket is of no use any more: what was asked on it gets the status, or is asked once more if again is set; the
 * rest waits for the next one. */
static void link_lost(struct cekd_link *link, int status, bool again)
{
	bool accepted = link->replied || link->out->sent > link->opened_at;

	if (link->replied)
		link->grace_until = clock_monotonic_ns() + GRACE_MS * ns_per_ms;
	/* Once it may be a cekd that hands over: it accepted, and took no more before the first request was there. */
	if (!accepted && !in_grace(link) && link->closed_first) {
		link->error = ECONNRESET;
		link_refuse(link, CEK_E_CONNECT);
		return;
	}
	link->closed_first = !accepted;
	link_close(link);
	if (!link->replied || status == CEK_E_PROTOCOL)
		backoff(link);
	link->events->lost(link->owner, status, again);
}

static int socket_open(struct cekd_link *link)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&link->address, sizeof(link->address)) == 0 &&
		epoll_ctl(link->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

static bool link_connect(struct cekd_link *link)
{
	int fd;

	if (link->retry_at > 0 && clock_monotonic_ns() < link->retry_at)
		return false;
	fd = socket_open(link);
	if (fd >= 0) {
		link->socket = fd;
		link->replied = false;
		link->opened_at = link->out->sent;
		return true;
	}
	if (fd == -EAGAIN || fd == -EINTR || ((fd == -ECONNREFUSED || fd == -ENOENT) && in_grace(link))) {
		backoff(link); /* cekd is there and its backlog is full, or it will be there again in a moment */
		return false;
	}
	link->error = -fd;
	link_refuse(link, CEK_E_CONNECT);
	return false;
}

static void link_block(struct cekd_link *link, bool blocked)
{
	struct epoll_event event = {.events = EPOLLIN | (blocked ? (uint32_t)EPOLLOUT : 0)};

	if (blocked == link->blocked)
		return;
	link->blocked = blocked;
	(void)epoll_ctl(link->epoll_fd, EPOLL_CTL_MOD, link->socket, &event);
}

static void link_write(struct cekd_link *link)
{
	const uint8_t *data;
	size_t len;

	if (link->out->dead > 0)
		link->events->before_write(link->owner);
	while ((data = stream_unsent(link->out, &len)) && !link->broken && !link->shut) {
		ssize_t n = send(link->socket, data, len, MSG_NOSIGNAL);

		if (n > 0)
			stream_written(link->out, (size_t)n);
		else if (n < 0 && errno == EAGAIN)
			break;
		else if (n < 0 && errno == EPIPE)
			link->shut = true; /* a cekd that ends answers what it was sent, and then comes the end */
		else if (n < 0 && errno != EINTR)
			link->broken = true; /* a last word may stand in the socket: reading finds the end of it */
	}
	link_block(link, len > 0 && !link->broken && !link->shut);
}

void link_push(struct cekd_link *link)
{
	if (link->ended || stream_pending(link->out) == 0)
		return;
	if (link->socket >= 0 || link_connect(link))
		link_write(link);
}

/* Bring the next whole frame to the owner. False if there is none, or no socket any more. */
static bool link_take(struct cekd_link *link)
{
	enum link_verdict verdict;
	const uint8_t *body;
	size_t body_len;
	int status;

	switch (frame_next(buffer_data(&link->in), buffer_len(&link->in), &body, &body_len)) {
	case FRAME_INCOMPLETE:
		return false;
	case FRAME_WHOLE:
		verdict = link->events->frame(link->owner, body, body_len, &status);
		buffer_consume(&link->in, FRAME_HEADER + body_len);
		break;
	default:
		verdict = LINK_LOST;
		status = CEK_E_PROTOCOL;
	}
	if (verdict == LINK_REFUSED)
		link_refuse(link, status);
	else if (verdict == LINK_LOST)
		link_lost(link, status, false);
	return verdict == LINK_GO_ON;
}

static void link_dispatch(struct cekd_link *link)
{
	while (!link->ended && link_take(link))
		link->frame_until = 0;
	if (buffer_len(&link->in) > 0 && link->frame_until == 0)
		link->frame_until = clock_monotonic_ns() + FRAME_MS * ns_per_ms;
}

/* A frame that has not become whole in time: only what was looked for once more has not come. */
static void link_judge(struct cekd_link *link)
{
	if (link->frame_until > 0 && !link->unread && !link->ended && clock_monotonic_ns() >= link->frame_until)
		link_lost(link, CEK_E_DISCONNECTED, true);
}

/* Room for what is missing of a frame, and for as much more as replies seem to come. */
static bool link_reserve(struct cekd_link *link)
{
	const uint8_t *data = buffer_data(&link->in);
	size_t len = buffer_len(&link->in);
	size_t want = link->flood ? READ_LARGE : BUFFER_SMALL;

	if (len >= FRAME_HEADER) {
		size_t body = frame_body_len(data);

		if (FRAME_HEADER + body > want)
			want = FRAME_HEADER + body;
	}
	return buffer_reserve(&link->in, want > len ? want - len : 1) == 0;
}

/* True if there may be more to read. */
static bool link_read(struct cekd_link *link, bool drain)
{
	size_t room;
	ssize_t n;

	if (link->ended || link->socket < 0)
		return false;
	if (!link_reserve(link)) {
		link_lost(link, CEK_E_NOMEM, false);
		return false;
	}
	room = buffer_room_len(&link->in);
	n = recv(link->socket, buffer_room(&link->in), room, 0);
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN && !link->broken)
		return false;
	if (n <= 0) {
		link_lost(link, CEK_E_DISCONNECTED, true);
		return false;
	}
	link->flood = (size_t)n == room;
	buffer_filled(&link->in, (size_t)n);
	link_dispatch(link);
	return drain || link->flood || link->broken;
}

void link_run(struct cekd_link *link, bool drain)
{
	bool more = true;

	for (unsigned i = 0; more && i < ROUNDS_MAX; i++) {
		link_push(link);
		more = link_read(link, drain);
	}
	link->unread = more && link->socket >= 0;
	link_judge(link);
}

/* The socket itself is cheaper to wait for than the epoll descriptor around it. */
void link_wait(const struct cekd_link *link, int timeout_ms)
{
	struct pollfd pollfd = {
		.fd = link->socket, /* poll(2) skips -1 */
		.events = (short)(POLLIN | (link->blocked ? POLLOUT : 0)),
	};

	(void)poll(&pollfd, 1, timeout_ms);
}

uint64_t link_due(const struct cekd_link *link)
{
	const uint64_t frame = link->frame_until > 0 ? link->frame_until : UINT64_MAX;

	if (link->unread)
		return 0;
	if (stream_pending(link->out) == 0 || link->blocked || link->shut)
		return frame;
	return link->socket < 0 ? link->retry_at : 0;
}

void link_replied(struct cekd_link *link)
{
	link->replied = true;
	link->backoff_ms = 0;
	link->retry_at = 0;
}
