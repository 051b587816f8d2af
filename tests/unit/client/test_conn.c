/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/list.h"
#include "client/state.h"
#include "proto/frame.h"
#include "tests/unit/client/stub_cekd.h"

static void test_new(void **state)
{
	char path[200];
	cek_conn *conn = NULL;

	memset(path, 'a', sizeof(path));
	path[107] = '\0'; /* the longest that sun_path holds */
	assert_int_equal(cek_conn_new(path, &conn), CEK_OK);
	assert_true(fcntl(cek_conn_fd(conn), F_GETFD) & FD_CLOEXEC);
	assert_int_equal(cek_conn_events(conn), POLLIN);
	assert_int_equal(cek_conn_timeout(conn), -1);
	assert_int_equal(cek_conn_process(conn), 0);
	assert_int_equal(cek_conn_wait(conn, -1), 0);
	assert_int_equal(cek_conn_epoch(conn), 0);
	conn = cek_conn_free(conn);
	assert_null(conn);
	path[107] = 'a';
	path[108] = '\0';
	assert_int_equal(cek_conn_new(path, &conn), CEK_E_INVALID);
	assert_int_equal(cek_conn_new("", &conn), CEK_E_INVALID);
	assert_int_equal(cek_conn_new(path, NULL), CEK_E_INVALID);
	assert_null(conn);
	assert_null(cek_conn_free(NULL));
}

static void test_default_path(void **state)
{
	cek_conn *conn;

	setenv("CEK_SOCKET", "/somewhere/else", 1);
	assert_int_equal(cek_conn_new(NULL, &conn), CEK_OK);
	assert_string_equal(conn->link.address.sun_path, "/somewhere/else");
	cek_conn_free(conn);
	unsetenv("CEK_SOCKET");
	assert_int_equal(cek_conn_new(NULL, &conn), CEK_OK);
	assert_string_equal(conn->link.address.sun_path, "/run/cekd/cekd.sock");
	cek_conn_free(conn);
}

static void test_no_daemon(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};

	unlink(stub->path);
	stub_unwrap(stub, -1, seen_callback, &seen);
	assert_int_equal(cek_conn_timeout(stub->conn), 0);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.status, CEK_E_CONNECT);
	assert_int_equal(seen.error, ENOENT);
	assert_int_equal(cek_conn_timeout(stub->conn), -1);
}

static void test_backoff(void **state)
{
	static const unsigned expected[] = {10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5000, 5000};
	struct stub *stub = *state;
	struct seen seen = {0};

	close(stub->listener); /* the file remains: ECONNREFUSED */
	for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		stub_unwrap(stub, -1, seen_callback, &seen);
		stub->conn->link.retry_at = 0;
		assert_int_equal(cek_conn_process(stub->conn), 0);
		assert_int_equal(seen.count, i + 1);
		assert_int_equal(seen.error, ECONNREFUSED);
		assert_int_equal(stub->conn->link.backoff_ms, expected[i]);
	}
	stub->conn->link.retry_at = clock_monotonic_ns() + 3600000000000;
	stub_unwrap(stub, -1, seen_callback, &seen);
	assert_int_equal(cek_conn_process(stub->conn), 1);
	assert_in_range(cek_conn_timeout(stub->conn), 1, 3600000);
	stub->listener = -1;
	stub->conn = cek_conn_free(stub->conn);
	assert_int_equal(seen.status, CEK_E_CANCELLED);
}

static void test_full_backlog_is_waited_for(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stub *stub = *state;
	struct seen seen = {0};
	int others[8];

	strcpy(address.sun_path, stub->path);
	assert_int_equal(listen(stub->listener, 1), 0);
	for (unsigned i = 0; i < 8; i++) {
		others[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(others[i], (struct sockaddr *)&address, sizeof(address));
	}
	stub_unwrap(stub, -1, seen_callback, &seen);
	assert_int_equal(cek_conn_process(stub->conn), 1);
	assert_int_equal(stub->conn->link.backoff_ms, 10);
	assert_int_equal(seen.count, 0);
	for (unsigned i = 0; i < 8; i++)
		close(others[i]);
	close(accept(stub->listener, NULL, NULL));
	close(accept(stub->listener, NULL, NULL));
	stub->conn->link.retry_at = 0;
	stub_reply_cek(stub, stub_request_id(stub), 1, 32);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(seen.status, CEK_OK);
	assert_int_equal(stub->conn->link.backoff_ms, 0);
	seen_free(&seen);
}

/* The descriptor stays the same over reconnects, and is readable when there is something to do. */
static void test_descriptor(void **state)
{
	struct stub *stub = *state;
	struct pollfd pollfd = {.fd = cek_conn_fd(stub->conn), .events = cek_conn_events(stub->conn)};
	struct seen seen = {0};

	for (unsigned i = 0; i < 3; i++) {
		uint64_t id;

		assert_int_equal(poll(&pollfd, 1, 0), 0);
		stub_unwrap(stub, -1, seen_callback, &seen);
		id = stub_request_id(stub);
		assert_int_equal(cek_conn_timeout(stub->conn), -1);
		assert_int_equal(poll(&pollfd, 1, 0), 0);
		stub_reply_cek(stub, id, 1, 32);
		assert_int_equal(poll(&pollfd, 1, 0), 1);
		assert_int_equal(cek_conn_process(stub->conn), 0);
		assert_int_equal(seen.count, i + 1);
		stub_hang_up(stub);
		assert_int_equal(poll(&pollfd, 1, 0), 1);
		assert_int_equal(cek_conn_process(stub->conn), 0);
		assert_int_equal(cek_conn_fd(stub->conn), pollfd.fd);
	}
	seen_free(&seen);
}

static void test_pipeline_out_of_order(void **state)
{
	enum { N = 500 };
	struct stub *stub = *state;
	struct seen seen[N] = {0};
	uint64_t ids[N];

	for (unsigned i = 0; i < N; i++)
		stub_unwrap(stub, 10000, seen_callback, &seen[i]);
	assert_int_equal(cek_conn_process(stub->conn), N);
	assert_int_equal(stream_pending(&stub->conn->out), 0);
	for (unsigned i = 0; i < N; i++)
		ids[i] = stub_request_id(stub);
	for (unsigned i = N; i-- > 0;)
		stub_reply_cek(stub, ids[i], (uint8_t)i, 32);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(seen[i].count, 1);
		assert_int_equal(((const uint8_t *)cek_result_cek(seen[i].kept).data)[31], (uint8_t)i);
		seen_free(&seen[i]);
	}
}

/* A reply may come in pieces of any size. */
static void test_reply_byte_by_byte(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};
	uint8_t reply[512];
	int pair[2];
	int real;
	ssize_t len;

	stub_unwrap(stub, -1, seen_callback, &seen);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	real = stub_request_id(stub) ? stub->peer : -1;
	stub->peer = pair[0];
	stub_reply_cek(stub, stub->conn->calls.serial << CALL_INDEX_BITS, 9, 32);
	len = recv(pair[1], reply, sizeof(reply), 0);
	stub->peer = real;
	for (ssize_t i = 0; i < len; i++) {
		assert_int_equal(seen.count, 0);
		stub_write(stub, reply + i, 1);
		cek_conn_process(stub->conn);
	}
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.status, CEK_OK);
	seen_free(&seen);
	close(pair[0]);
	close(pair[1]);
}

/* A frame that has begun is waited for so long, however its bytes come; one more try, as when the connection ends. */
static void test_half_a_frame(void **state)
{
	struct stub *stub = *state;
	struct cekd_link *link = &stub->conn->link;
	struct seen seen = {0}, watch = {0};
	uint64_t until, id;

	stub_unwrap(stub, -1, seen_callback, &seen);
	assert_int_equal(cek_watch_start(stub->conn, seen_callback, &watch, NULL), CEK_OK);
	id = stub_request_id(stub);
	(void)stub_request_id(stub);
	assert_int_equal(link->frame_until, 0);
	assert_int_equal(cek_conn_timeout(stub->conn), -1);
	stub_write(stub, "\0\0", 2);
	assert_int_equal(cek_conn_process(stub->conn), 2);
	until = link->frame_until;
	assert_in_range(cek_conn_timeout(stub->conn), 1, 10000);
	stub_write(stub, "\0\4\x08", 3);
	assert_int_equal(cek_conn_process(stub->conn), 2);
	assert_int_equal(link->frame_until, until); /* a byte a second is no progress */
	link->frame_until = 1;                      /* the time is over */
	assert_int_equal(cek_conn_timeout(stub->conn), 0);
	assert_int_equal(cek_conn_process(stub->conn), 1);
	assert_int_equal(watch.count, 1);
	assert_int_equal(watch.status, CEK_E_DISCONNECTED);
	assert_int_equal(link->socket, -1);
	assert_int_equal(link->frame_until, 0);
	stub_hang_up(stub);
	link->retry_at = 0;
	assert_int_equal(stub_request_id(stub), id);
	stub_write(stub, "\0", 1);
	assert_int_equal(cek_conn_process(stub->conn), 1);
	link->frame_until = 1;
	assert_int_equal(cek_conn_wait(stub->conn, -1), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.status, CEK_E_DISCONNECTED);
	stub_hang_up(stub);
	seen_free(&seen);
	seen_free(&watch);
}

/* What has become whole by then is taken, and the one behind it has its own time. */
static void test_frame_in_time(void **state)
{
	struct stub *stub = *state;
	struct cekd_link *link = &stub->conn->link;
	struct seen seen = {0};

	stub_unwrap(stub, -1, seen_callback, &seen);
	(void)stub_request_id(stub);
	stub_write(stub, "\0\0\0\2", 4);
	assert_int_equal(cek_conn_process(stub->conn), 1);
	link->frame_until = 1;
	stub_write(stub, "\x08\0", 2); /* no reply, which is told as such */
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(seen.status, CEK_E_PROTOCOL);
	stub_hang_up(stub);
	seen_free(&seen);
	stub_unwrap(stub, -1, seen_callback, &seen);
	link->retry_at = 0;
	stub_reply_cek(stub, stub_request_id(stub), 1, 32);
	stub_write(stub, "\0\0", 2);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.status, CEK_OK);
	assert_true(link->frame_until > 0); /* also when nobody asks anything */
	link->frame_until = 1;
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(link->socket, -1);
	assert_int_equal(cek_conn_timeout(stub->conn), -1);
	seen_free(&seen);
}

static void test_limit_of_calls(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};

	cek_conn_set_limits(stub->conn, 3, 0);
	for (unsigned i = 0; i < 3; i++)
		stub_unwrap(stub, -1, seen_callback, &seen);
	assert_int_equal(cek_watch_start(stub->conn, seen_callback, &seen, NULL), CEK_E_FULL);
	cek_conn_set_limits(stub->conn, 4, 0);
	assert_int_equal(cek_watch_start(stub->conn, seen_callback, &seen, NULL), CEK_OK);
	assert_int_equal(seen.count, 0);
	stub->conn = cek_conn_free(stub->conn);
	assert_int_equal(seen.count, 4);
	assert_int_equal(seen.status, CEK_E_CANCELLED);
}

static struct cek_unwrap large_unwrap(uint8_t *encrypted_key, size_t len)
{
	memset(encrypted_key, 'x', len);
	return (struct cek_unwrap){
		.key = "api",
		.alg = "A256KW",
		.enc = "A256GCM",
		.encrypted_key = {encrypted_key, len},
	};
}

static void test_limit_of_output(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};
	uint8_t data[60000];
	struct cek_unwrap args = large_unwrap(data, sizeof(data));
	unsigned n = 0;

	cek_conn_set_limits(stub->conn, 0, 1); /* not below a frame */
	assert_int_equal(stub->conn->calls.max_output, FRAME_HEADER + FRAME_BODY_MAX);
	assert_int_equal(cek_unwrap_start(stub->conn, &args, -1, seen_callback, &seen, NULL), CEK_OK);
	assert_int_equal(cek_unwrap_start(stub->conn, &args, -1, seen_callback, &seen, NULL), CEK_E_FULL);
	cek_conn_set_limits(stub->conn, 0, 1048576);
	while (cek_unwrap_start(stub->conn, &args, -1, seen_callback, &seen, NULL) == CEK_OK)
		n++;
	assert_in_range(n, 15, 16);
	assert_true(stream_pending(&stub->conn->out) <= 1048576);
	stub->conn = cek_conn_free(stub->conn);
	assert_int_equal(seen.count, n + 1);
}

/* A request that makes a key is not repeated when it was written whole. What was written in part cannot have been
 * carried out: it goes out on the next connection, like what was not written at all, whole and in order. */
static void test_disconnect(void **state)
{
	enum { N = 16 };
	struct stub *stub = *state;
	struct seen seen[N] = {0};
	char name[60001];
	const struct cek_key_create args = {.key = name, .alg = "A256KW"};
	unsigned written = 0;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(cek_key_create_start(stub->conn, &args, -1, seen_callback, &seen[i], NULL), CEK_OK);
	assert_int_equal(cek_conn_process(stub->conn), N);
	stub_accept(stub);
	assert_true(stub->conn->link.blocked);
	assert_int_equal(cek_conn_timeout(stub->conn), -1);
	assert_true(stub->conn->out.partial > 0);
	stub_hang_up(stub);
	cek_conn_process(stub->conn);
	while (written < N && seen[written].count == 1) {
		assert_int_equal(seen[written].status, CEK_E_DISCONNECTED);
		seen_free(&seen[written]);
		written++;
	}
	assert_in_range(written, 1, N - 1);
	assert_int_equal(stub->conn->calls.n_open, N - written);
	for (unsigned i = written; i < N; i++) {
		Cek__V1__Request *request;

		stub->conn->link.retry_at = 0;
		request = stub_request(stub);
		assert_int_equal(strlen(request->create_key->key), sizeof(name) - 1);
		stub_reply_status(stub, request->id, CEK__V1__STATUS__STATUS_DENIED, "no");
		cek__v1__request__free_unpacked(request, NULL);
		cek_conn_process(stub->conn);
		assert_int_equal(seen[i].count, 1);
		assert_int_equal(seen[i].status, CEK_DENIED);
		seen_free(&seen[i]);
	}
	assert_int_equal(stub->conn->calls.n_open, 0);
}

/* Unwraps are asked for once more, those that were answered already not; and no more than once. */
static void test_repeat(void **state)
{
	enum { N = 32 };
	struct stub *stub = *state;
	struct seen seen[N] = {0};
	uint64_t ids[N], id;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < N; i++)
			stub_unwrap(stub, 10000, seen_callback, &seen[i]);
		for (unsigned i = 0; i < N; i++)
			ids[i] = stub_request_id(stub);
		for (unsigned i = 0; i < N; i += 2)
			stub_reply_cek(stub, ids[i], (uint8_t)i, 32);
		stub_hang_up(stub);
		stub->conn->link.retry_at = 0;
		assert_int_equal(cek_conn_process(stub->conn), N / 2);
		for (unsigned i = 1; i < N; i += 2) {
			assert_int_equal(seen[i].count, round);
			assert_int_equal(stub_request_id(stub), ids[i]);
		}
		for (unsigned i = N - 1; i < N && round < 2; i -= 2)
			stub_reply_cek(stub, ids[i], (uint8_t)i, 32);
		if (round == 2)
			stub_hang_up(stub);
		assert_int_equal(cek_conn_process(stub->conn), 0);
		for (unsigned i = 0; i < N; i++) {
			assert_int_equal(seen[i].count, round + 1);
			assert_int_equal(seen[i].status, round == 2 && i % 2 == 1 ? CEK_E_DISCONNECTED : CEK_OK);
			if (seen[i].status == CEK_OK)
				assert_int_equal(*(const uint8_t *)cek_result_cek(seen[i].kept).data, i);
			seen_free(&seen[i]);
		}
	}
	/* A packed request is one of those if it is known to change nothing. */
	assert_int_equal(cek_request_start(stub->conn, "\302\2\0", 3, -1, seen_callback, &seen[0], NULL), CEK_OK);
	assert_int_equal(cek_request_start(stub->conn, "\242\1\0", 3, -1, seen_callback, &seen[1], NULL), CEK_OK);
	stub->conn->link.retry_at = 0;
	id = stub_request_id(stub);
	(void)stub_request_id(stub);
	stub_hang_up(stub);
	assert_int_equal(cek_conn_process(stub->conn), 1);
	assert_int_equal(seen[1].status, CEK_E_DISCONNECTED);
	stub->conn->link.retry_at = 0;
	assert_int_equal(stub_request_id(stub), id);
	stub_reply_status(stub, id, CEK__V1__STATUS__STATUS_UNAVAILABLE, "no");
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(seen[0].status, CEK_UNAVAILABLE);
	seen_free(&seen[0]);
	seen_free(&seen[1]);
}

/* One slow call does not keep what a hundred thousand others have sent, and is asked once more all the same. */
static void test_repeat_of_a_slow_one(void **state)
{
	struct stub *stub = *state;
	struct seen slow = {0}, seen = {0};
	uint64_t id;

	stub_unwrap(stub, -1, seen_callback, &slow);
	id = stub_request_id(stub);
	for (unsigned i = 0; i < 100000; i++) {
		stub_unwrap(stub, -1, seen_callback, &seen);
		stub_reply_cek(stub, stub_request_id(stub), 1, 32);
		(void)cek_conn_process(stub->conn);
	}
	assert_int_equal(seen.count, 100000);
	assert_true(stub->conn->out.buffer.memory.size <= 4 * BUFFER_SMALL);
	stub_hang_up(stub);
	assert_int_equal(cek_conn_process(stub->conn), 1);
	assert_int_equal(stub_request_id(stub), id);
	stub_reply_cek(stub, id, 7, 32);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(slow.status, CEK_OK);
	seen_free(&slow);
	seen_free(&seen);
}

static void listen_again(struct stub *stub)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(address.sun_path, stub->path);
	stub->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(stub->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(stub->listener, 8), 0);
}

/* A cekd that has served and is gone is waited for, as long as a restart takes. */
static void test_grace(void **state)
{
	struct stub *stub = *state;
	struct seen seen[2] = {0};
	uint64_t id;

	stub_unwrap(stub, -1, seen_callback, &seen[0]);
	stub_reply_cek(stub, stub_request_id(stub), 1, 32);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	stub_unwrap(stub, -1, seen_callback, &seen[0]);
	id = stub_request_id(stub);
	unlink(stub->path);
	close(stub->listener);
	stub_hang_up(stub);
	for (unsigned i = 0; i < 10; i++) {
		stub->conn->link.retry_at = 0;
		assert_int_equal(cek_conn_process(stub->conn), 1);
	}
	assert_int_equal(seen[0].count, 1);
	assert_in_range(cek_conn_timeout(stub->conn), 1, 100);
	stub_unwrap(stub, 1, seen_callback, &seen[1]);
	while (cek_conn_wait(stub->conn, 50) > 1)
		continue;
	assert_int_equal(seen[1].status, CEK_E_TIMEOUT); /* within its own limit */
	listen_again(stub);
	stub->conn->link.retry_at = 0;
	assert_int_equal(stub_request_id(stub), id);
	stub_reply_cek(stub, id, 2, 32);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(seen[0].count, 2);
	assert_int_equal(seen[0].status, CEK_OK);
	unlink(stub->path); /* and now for good */
	close(stub->listener);
	stub_hang_up(stub);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	stub_unwrap(stub, -1, seen_callback, &seen[0]);
	assert_int_equal(cek_conn_process(stub->conn), 1);
	stub->conn->link.retry_at = 0;
	stub->conn->link.grace_until = 1;
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(seen[0].status, CEK_E_CONNECT);
	assert_int_equal(seen[0].error, ENOENT);
	listen_again(stub);
	seen_free(&seen[0]);
}

static void closed_before_the_first_byte(struct stub *stub)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(address.sun_path, stub->path);
	stub->conn->link.socket = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(stub->conn->link.socket, (struct sockaddr *)&address, sizeof(address)), 0);
	stub_accept(stub);
	stub_hang_up(stub);
}

/* Accepted and closed at once, before anything could be written: once, that is a cekd that hands over; twice, it is no
 * connection. */
static void test_closed_before_the_first_byte(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};

	closed_before_the_first_byte(stub);
	stub_unwrap(stub, -1, seen_callback, &seen); /* no SIGPIPE */
	assert_int_equal(cek_conn_process(stub->conn), 1);
	assert_int_equal(seen.count, 0);
	stub->conn->link.backoff_ms = 0;
	closed_before_the_first_byte(stub);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.status, CEK_E_CONNECT);
	assert_int_equal(seen.error, ECONNRESET);
	assert_int_equal(stub->conn->link.backoff_ms, 10);
}

/* cekd says why it serves nobody, and closes. */
static void test_notice(void **state)
{
	struct stub *stub = *state;
	struct seen seen[2] = {0};

	stub_unwrap(stub, -1, seen_callback, &seen[0]);
	stub_request_id(stub);
	stub_unwrap(stub, -1, seen_callback, &seen[1]);
	stub_reply_status(stub, 0, CEK__V1__STATUS__STATUS_OVERLOADED, "too many connections");
	stub_hang_up(stub);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(seen[i].count, 1);
		assert_int_equal(seen[i].status, CEK_OVERLOADED);
		assert_string_equal(cek_result_message(seen[i].kept), "too many connections");
		seen_free(&seen[i]);
	}
}

static void expect_protocol_error(struct stub *stub, const void *data, size_t len)
{
	struct seen seen = {0};

	stub_unwrap(stub, -1, seen_callback, &seen);
	stub->conn->link.retry_at = 0;
	stub_request_id(stub);
	stub_write(stub, data, len);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.status, CEK_E_PROTOCOL);
	assert_int_equal(stub->conn->link.socket, -1);
	stub_hang_up(stub);
}

static void test_breaches_of_protocol(void **state)
{
	struct stub *stub = *state;

	expect_protocol_error(stub, "\0\0\0\0", 4); /* empty */
	expect_protocol_error(stub, "\0\1\0\1", 4); /* one byte too long */
	expect_protocol_error(stub, "HTTP/1.1 400", 12);
	expect_protocol_error(stub, "\0\0\0\2\xff\xff", 6);       /* no message */
	expect_protocol_error(stub, "\0\0\0\4\x08\x7f\x10\1", 8); /* an id that was never given out */
	expect_protocol_error(stub, "\0\0\0\4\x08\0\x10\1", 8);   /* OK to nobody */
}

/* Whatever comes: nothing crashes, and each call is answered once. */
static void test_random_bytes(void **state)
{
	struct stub *stub = *state;
	unsigned seed = 1;

	for (unsigned round = 0; round < 2000; round++) {
		struct seen seen = {0};
		uint8_t frame[FRAME_HEADER + 300];
		size_t len = 1 + (size_t)rand_r(&seed) % 300;
		uint64_t id;

		stub_unwrap(stub, -1, seen_callback, &seen);
		stub->conn->link.retry_at = 0;
		id = stub_request_id(stub);
		for (size_t i = 0; i < len; i++)
			frame[FRAME_HEADER + i] = (uint8_t)(rand_r(&seed) >> 7);
		frame_header(frame, len);
		if (round % 2 == 0 && len > 12) { /* get past the id */
			frame[FRAME_HEADER] = 0x08;
			for (unsigned i = 0; i < 9; i++)
				frame[FRAME_HEADER + 1 + i] = (uint8_t)((id >> (7 * i) & 0x7f) | (i < 8 ? 0x80 : 0));
			frame[FRAME_HEADER + 10] = 0x10;
			frame[FRAME_HEADER + 11] = (uint8_t)(rand_r(&seed) % 16);
		}
		stub_write(stub, frame, FRAME_HEADER + len);
		stub_hang_up(stub);
		assert_int_equal(cek_conn_process(stub->conn), 0);
		assert_int_equal(seen.count, 1);
		seen_free(&seen);
	}
}

static void free_conn(cek_call *call, cek_result *result, void *userdata)
{
	struct stub *stub = userdata;

	stub->conn = cek_conn_free(stub->conn);
}

static void test_free_inside_callback(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};
	uint64_t first, second;

	stub_unwrap(stub, -1, free_conn, stub);
	stub_unwrap(stub, 5000, seen_callback, &seen);
	first = stub_request_id(stub);
	second = stub_request_id(stub);
	stub_reply_cek(stub, first, 1, 32);
	stub_reply_cek(stub, second, 2, 32);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_null(stub->conn);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.status, CEK_E_CANCELLED);
}

/* Twice, for the first time all is asked once more. */
static void lose_first(struct stub *stub)
{
	stub_request_id(stub);
	stub_hang_up(stub);
	cek_conn_process(stub->conn);
	stub->conn->link.retry_at = 0;
	stub_request_id(stub);
	stub_hang_up(stub);
}

static void test_free_inside_disconnect(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};

	stub_unwrap(stub, -1, free_conn, stub);
	stub_unwrap(stub, -1, seen_callback, &seen);
	lose_first(stub);
	cek_conn_process(stub->conn);
	assert_null(stub->conn);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.status, CEK_E_CANCELLED);
}

/* A call that is started in the callback of a broken connection is not taken for one of its victims. */
struct again {
	struct stub *stub;
	struct seen seen;
	int statuses[3];
	unsigned count;
};

static void start_again(cek_call *call, cek_result *result, void *userdata)
{
	struct again *again = userdata;

	again->statuses[again->count++] = cek_result_status(result);
	if (again->count < 3)
		stub_unwrap(again->stub, -1, start_again, again);
}

static void test_start_inside_callback(void **state)
{
	struct stub *stub = *state;
	struct again again = {.stub = stub};

	stub_unwrap(stub, -1, start_again, &again);
	lose_first(stub);
	assert_int_equal(cek_conn_process(stub->conn), 1);
	assert_int_equal(again.count, 1);
	assert_int_equal(again.statuses[0], CEK_E_DISCONNECTED);
	stub->conn->link.retry_at = 0;
	stub_reply_cek(stub, stub_request_id(stub), 1, 32);
	assert_int_equal(cek_conn_process(stub->conn), 1);
	assert_int_equal(again.statuses[1], CEK_OK);
	assert_int_equal(stream_pending(&stub->conn->out), 0); /* the third has been written already */
	stub_reply_cek(stub, stub_request_id(stub), 1, 32);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(again.count, 3);
}

static void nested(cek_call *call, cek_result *result, void *userdata)
{
	struct stub *stub = userdata;
	cek_result *other = result;

	assert_int_equal(cek_conn_process(stub->conn), 1);
	assert_int_equal(cek_conn_wait(stub->conn, -1), 1);
	assert_int_equal(cek_status(stub->conn, -1, &other), CEK_E_INVALID);
	assert_null(other);
}

static void test_no_loop_inside_callback(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};

	stub_unwrap(stub, -1, nested, stub);
	stub_unwrap(stub, -1, seen_callback, &seen);
	stub_reply_cek(stub, stub_request_id(stub), 1, 32);
	stub_reply_cek(stub, stub_request_id(stub), 1, 32);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(seen.count, 1);
	seen_free(&seen);
}

/* A result that was kept is empty in the child, and cannot give its slot back: its slots stay until the child ends. */
static struct slots *volatile slots_of_child;

static int child_of(struct stub *stub, struct seen *seen)
{
	const struct cek_key_list args = {0};
	unsigned count = seen->count;
	cek_conn *own;

	if (cek_key_list_start(stub->conn, &args, -1, seen_callback, seen, NULL) != CEK_E_INVALID)
		return 1;
	if (cek_conn_process(stub->conn) != 0 || cek_conn_wait(stub->conn, -1) != 0 ||
		cek_conn_timeout(stub->conn) != -1)
		return 2;
	slots_of_child = stub->conn->slots;
	cek_conn_free(stub->conn);
	if (seen->count != count)
		return 3;
	if (cek_result_cek(seen->kept).len != 0 || cek_result_free(seen->kept))
		return 6;
	seen->kept = NULL;
	if (cek_conn_new(stub->path, &own) != CEK_OK ||
		cek_key_list_start(own, &args, -1, seen_callback, seen, NULL) != CEK_OK)
		return 4;
	cek_conn_free(own);
	return seen->count == count + 1 ? 0 : 5;
}

static void test_fork(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};
	uint64_t id;
	int status;
	pid_t child;

	stub_unwrap(stub, -1, seen_callback, &seen);
	stub_reply_cek(stub, stub_request_id(stub), 1, 32);
	cek_conn_process(stub->conn);
	stub_unwrap(stub, -1, seen_callback, &seen);
	id = stub_request_id(stub);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(child_of(stub, &seen));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	stub_reply_cek(stub, id, 1, 32);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.status, CEK_OK);
	seen_free(&seen);
}

/* A hundred thousand calls later the connection holds no more than after the first. */
static void test_memory_at_rest(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};
	uint64_t ids[64];

	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < 64; i++)
			stub_unwrap(stub, 5000, seen_callback, &seen);
		for (unsigned i = 0; i < 64; i++)
			ids[i] = stub_request_id(stub);
		for (unsigned i = 0; i < 64; i++)
			stub_reply_cek(stub, ids[i], 1, 32);
		assert_int_equal(cek_conn_process(stub->conn), 0);
	}
	assert_int_equal(stub->conn->calls.n_chunks, 2);
	assert_true(stub->conn->link.in.memory.size <= BUFFER_SMALL);
	assert_true(stub->conn->out.buffer.memory.size <= BUFFER_SMALL);
	seen_free(&seen);
}

static bool all_zero(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != 0)
			return false;
	return true;
}

/* CEKs pass through both buffers: nothing of them stays. */
static void test_buffers_are_wiped(void **state)
{
	const struct cek_wrap args = {.key = "api", .enc = "A128GCM", .cek = {"0123456789abcdef", 16}};
	struct stub *stub = *state;
	struct buffer *out = &stub->conn->out.buffer, *in = &stub->conn->link.in;
	struct seen seen = {0};
	cek_call *call;

	assert_int_equal(cek_wrap_start(stub->conn, &args, -1, seen_callback, &seen, &call), CEK_OK);
	assert_non_null(memmem(out->base, out->memory.size, "0123456789abcdef", 16));
	cek_call_cancel(call);
	assert_true(all_zero(out->base, out->memory.size));
	stub_unwrap(stub, -1, seen_callback, &seen);
	stub_reply_cek(stub, stub_request_id(stub), 0x5a, 32);
	cek_conn_process(stub->conn);
	assert_true(all_zero(out->base, out->memory.size));
	assert_true(all_zero(in->base, in->memory.size));
	seen_free(&seen);
}

#define WITH_STUB(function) cmocka_unit_test_setup_teardown(function, stub_setup, stub_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_default_path),
		WITH_STUB(test_no_daemon),
		WITH_STUB(test_backoff),
		WITH_STUB(test_full_backlog_is_waited_for),
		WITH_STUB(test_descriptor),
		WITH_STUB(test_pipeline_out_of_order),
		WITH_STUB(test_reply_byte_by_byte),
		WITH_STUB(test_half_a_frame),
		WITH_STUB(test_frame_in_time),
		WITH_STUB(test_limit_of_calls),
		WITH_STUB(test_limit_of_output),
		WITH_STUB(test_disconnect),
		WITH_STUB(test_repeat),
		WITH_STUB(test_repeat_of_a_slow_one),
		WITH_STUB(test_grace),
		WITH_STUB(test_closed_before_the_first_byte),
		WITH_STUB(test_notice),
		WITH_STUB(test_breaches_of_protocol),
		WITH_STUB(test_random_bytes),
		WITH_STUB(test_free_inside_callback),
		WITH_STUB(test_free_inside_disconnect),
		WITH_STUB(test_start_inside_callback),
		WITH_STUB(test_no_loop_inside_callback),
		WITH_STUB(test_fork),
		WITH_STUB(test_memory_at_rest),
		WITH_STUB(test_buffers_are_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
