/* cek.h, connection: the socket below it. It is made when there is something to send, and made again when it broke. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/conn.h"
#include "proto/frame.h"

enum {
	BACKOFF_MIN_MS = 10,
	BACKOFF_MAX_MS = 5000,
	READ_LARGE = 65536, /* bytes: room for one read once replies come in numbers */
	ROUNDS_MAX = 64,    /* reads in one turn: then other descriptors of the caller's loop get theirs */
};

static const uint64_t ns_per_ms = 1000000;

size_t link_pending(const cek_conn *conn)
{
	return buffer_len(&conn->out) - conn->out_dead;
}

static void backoff(cek_conn *conn)
{
	conn->backoff_ms = conn->backoff_ms == 0 ? BACKOFF_MIN_MS : conn->backoff_ms * 2;
	if (conn->backoff_ms > BACKOFF_MAX_MS)
		conn->backoff_ms = BACKOFF_MAX_MS;
	conn->retry_at = clock_monotonic_ns() + conn->backoff_ms * ns_per_ms;
}

void link_close(cek_conn *conn)
{
	if (conn->socket < 0)
		return;
	/* A descriptor that a child inherited would keep the registration alive; and a child must leave it alone. */
	if (!conn_is_foreign(conn))
		(void)epoll_ctl(conn->epoll_fd, EPOLL_CTL_DEL, conn->socket, NULL);
	close(conn->socket);
	conn->socket = -1;
	conn->blocked = conn->broken = conn->flood = conn->watched = false;
	buffer_consume(&conn->in, buffer_len(&conn->in));
	buffer_consume(&conn->out, conn->out_partial);
	conn->out_sent += conn->out_partial;
	conn->out_partial = 0;
}

void link_refuse(cek_conn *conn, int status)
{
	size_t len;

	link_close(conn);
	backoff(conn);
	len = buffer_len(&conn->out);
	buffer_consume(&conn->out, len);
	conn->out_sent += len;
	conn->out_dead = 0;
	call_finish_before(conn, conn->out_sent, status);
}

/* The socket is of no use any more: what was asked on it gets the status, the rest waits for the next one. */
static void link_lost(cek_conn *conn, int status)
{
	bool accepted = conn->replied || conn->out_sent > conn->opened_at;

	if (!accepted) {
		conn->error = ECONNRESET;
		link_refuse(conn, CEK_E_CONNECT);
		return;
	}
	link_close(conn);
	if (!conn->replied || status == CEK_E_PROTOCOL)
		backoff(conn);
	call_finish_before(conn, conn->out_sent, status);
}

static int socket_open(cek_conn *conn)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&conn->address, sizeof(conn->address)) == 0 &&
	    epoll_ctl(conn->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

static bool link_connect(cek_conn *conn)
{
	int fd;

	if (conn->retry_at > 0 && clock_monotonic_ns() < conn->retry_at)
		return false;
	fd = socket_open(conn);
	if (fd >= 0) {
		conn->socket = fd;
		conn->replied = false;
		conn->opened_at = conn->out_sent;
		return true;
	}
	if (fd == -EAGAIN || fd == -EINTR) {
		backoff(conn); /* cekd is there, its backlog is full */
		return false;
	}
	conn->error = -fd;
	link_refuse(conn, CEK_E_CONNECT);
	return false;
}

static void link_block(cek_conn *conn, bool blocked)
{
	struct epoll_event event = { .events = EPOLLIN | (blocked ? (uint32_t)EPOLLOUT : 0) };

	if (blocked == conn->blocked)
		return;
	conn->blocked = blocked;
	(void)epoll_ctl(conn->epoll_fd, EPOLL_CTL_MOD, conn->socket, &event);
}

/* size bytes have gone: find out where the frame ends that the last of them belongs to. */
static void link_written(cek_conn *conn, size_t size)
{
	const uint8_t *data = buffer_data(&conn->out);
	size_t len = buffer_len(&conn->out);
	size_t end = conn->out_partial;

	while (end < size) {
		const uint8_t *body;
		size_t body_len;

		if (frame_next(data + end, len - end, &body, &body_len) != FRAME_WHOLE)
			break; /* cannot be: whole frames were put in */
		end += FRAME_HEADER + body_len;
	}
	conn->out_partial = end - size;
	conn->out_sent += size;
	buffer_consume(&conn->out, size);
}

static void link_write(cek_conn *conn)
{
	if (conn->out_dead > 0)
		call_compact(conn);
	while (buffer_len(&conn->out) > 0 && !conn->broken) {
		ssize_t n = send(conn->socket, buffer_data(&conn->out), buffer_len(&conn->out), MSG_NOSIGNAL);

		if (n > 0)
			link_written(conn, (size_t)n);
		else if (n < 0 && errno == EAGAIN)
			break;
		else if (n < 0 && errno != EINTR)
			conn->broken = true; /* a last word may stand in the socket: reading finds the end of it */
	}
	link_block(conn, buffer_len(&conn->out) > 0 && !conn->broken);
}

void link_push(cek_conn *conn)
{
	if (conn->closing || link_pending(conn) == 0)
		return;
	if (conn->socket >= 0 || link_connect(conn))
		link_write(conn);
}

static void link_dispatch(cek_conn *conn)
{
	while (!conn->closing && conn->socket >= 0) {
		const uint8_t *body;
		size_t body_len;
		int status;

		switch (frame_next(buffer_data(&conn->in), buffer_len(&conn->in), &body, &body_len)) {
		case FRAME_INCOMPLETE:
			return;
		case FRAME_WHOLE:
			status = reply_take(conn, body, body_len);
			if (conn->socket < 0)
				return;
			buffer_consume(&conn->in, FRAME_HEADER + body_len);
			break;
		default:
			status = CEK_E_PROTOCOL;
		}
		if (status != CEK_OK)
			link_lost(conn, status);
	}
}

/* Room for what is missing of a frame, and for as much more as replies seem to come. */
static bool link_reserve(cek_conn *conn)
{
	const uint8_t *data = buffer_data(&conn->in);
	size_t len = buffer_len(&conn->in);
	size_t want = conn->flood ? READ_LARGE : BUFFER_SMALL;

	if (len >= FRAME_HEADER) {
		size_t body = (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3];

		if (FRAME_HEADER + body > want)
			want = FRAME_HEADER + body;
	}
	return buffer_reserve(&conn->in, want > len ? want - len : 1) == 0;
}

/* True if there may be more to read. */
static bool link_read(cek_conn *conn)
{
	size_t room;
	ssize_t n;

	if (conn->closing || conn->socket < 0)
		return false;
	if (!link_reserve(conn)) {
		link_lost(conn, CEK_E_NOMEM);
		return false;
	}
	room = buffer_room_len(&conn->in);
	n = recv(conn->socket, buffer_room(&conn->in), room, 0);
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN && !conn->broken)
		return false;
	if (n <= 0) {
		link_lost(conn, CEK_E_DISCONNECTED);
		return false;
	}
	conn->flood = (size_t)n == room;
	buffer_filled(&conn->in, (size_t)n);
	link_dispatch(conn);
	return conn->flood || conn->broken;
}

void link_run(cek_conn *conn)
{
	bool more = true;

	for (unsigned i = 0; more && i < ROUNDS_MAX; i++) {
		link_push(conn);
		more = link_read(conn);
	}
}
