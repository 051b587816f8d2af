/* cek.h, connection: the object that callers hold. */
#include "client/conn.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/pages.h"
#include "client/slots.h"
#include "proto/frame.h"

enum {
	MAX_CALLS_DEFAULT = 1024,
	MAX_OUTPUT_DEFAULT = 1048576,
	MAX_OUTPUT_MIN = FRAME_HEADER + FRAME_BODY_MAX,
};

static const uint64_t ns_per_ms = 1000000;

/* How many forks lie between the first process and this one. Only a child's only thread ever writes it. */
static unsigned process_id;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void fork_child(void)
{
	process_id++;
}

static void fork_watch(void)
{
	(void)pthread_atfork(NULL, NULL, fork_child);
}

bool conn_is_foreign(const cek_conn *conn)
{
	return conn->process_id != process_id;
}

static bool address_set(struct sockaddr_un *address, const char *path)
{
	size_t len;

	if (!path)
		path = secure_getenv("CEK_SOCKET");
	if (!path || path[0] == '\0')
		path = "/run/cekd/cekd.sock";
	len = strlen(path);
	if (len >= sizeof(address->sun_path))
		return false;
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, len + 1);
	return true;
}

int cek_conn_new(const char *path, cek_conn **ret_conn)
{
	cek_conn *conn;

	if (!ret_conn || (path && path[0] == '\0'))
		return CEK_E_INVALID;
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return CEK_E_NOMEM;
	if (!address_set(&conn->address, path)) {
		free(conn);
		return CEK_E_INVALID;
	}
	pthread_once(&fork_once, fork_watch);
	conn->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	conn->slots = slots_new();
	if (conn->epoll_fd < 0 || !conn->slots) {
		if (conn->epoll_fd >= 0)
			close(conn->epoll_fd);
		slots_close(conn->slots);
		free(conn);
		return CEK_E_NOMEM;
	}
	conn->socket = -1;
	conn->process_id = process_id;
	conn->max_calls = MAX_CALLS_DEFAULT;
	conn->max_output = MAX_OUTPUT_DEFAULT;
	TAILQ_INIT(&conn->calls);
	TAILQ_INIT(&conn->spare);
	*ret_conn = conn;
	return CEK_OK;
}

static void conn_destroy(cek_conn *conn)
{
	cek_call *call;

	link_close(conn);
	close(conn->epoll_fd);
	buffer_deinit(&conn->in);
	buffer_deinit(&conn->out);
	heap_deinit(&conn->timers);
	TAILQ_FOREACH(call, &conn->calls, link) /* after a fork */
		pages_free(call->pages);
	for (size_t i = 0; i < conn->n_chunks; i++)
		free(conn->chunks[i]);
	free(conn->chunks);
	slots_close(conn->slots);
	free(conn);
}

void conn_pin(cek_conn *conn)
{
	conn->pins++;
}

void conn_unpin(cek_conn *conn)
{
	if (--conn->pins == 0 && conn->closing)
		conn_destroy(conn);
}

cek_conn *cek_conn_free(cek_conn *conn)
{
	if (!conn || conn->closing)
		return NULL;
	conn_pin(conn);
	conn->closing = true;
	if (!conn_is_foreign(conn))
		call_finish_before(conn, UINT64_MAX, CEK_E_CANCELLED);
	conn_unpin(conn);
	return NULL;
}

void cek_conn_set_limits(cek_conn *conn, size_t max_calls, size_t max_output)
{
	if (!conn)
		return;
	if (max_calls > 0)
		conn->max_calls = max_calls < CALL_INDEX_MAX ? max_calls : CALL_INDEX_MAX;
	if (max_output > 0)
		conn->max_output = max_output > MAX_OUTPUT_MIN ? max_output : MAX_OUTPUT_MIN;
}

int cek_conn_fd(const cek_conn *conn)
{
	return conn ? conn->epoll_fd : -1;
}

short cek_conn_events(const cek_conn *conn)
{
	return POLLIN;
}

/* Rounded up, so that nobody wakes a little too early and spins. */
static int ms_until(uint64_t when)
{
	uint64_t now = clock_monotonic_ns();
	uint64_t ms = when > now ? (when - now + ns_per_ms - 1) / ns_per_ms : 0;

	return ms < INT_MAX ? (int)ms : INT_MAX;
}

int cek_conn_timeout(const cek_conn *conn)
{
	const struct heap_node *first;
	int timeout = -1;

	if (!conn || conn->closing || conn_is_foreign(conn))
		return -1;
	if (link_pending(conn) > 0 && !conn->blocked)
		timeout = conn->socket < 0 && conn->retry_at > 0 ? ms_until(conn->retry_at) : 0;
	first = heap_first(&conn->timers);
	if (first && timeout != 0) {
		int limit = ms_until(first->key);

		if (timeout < 0 || limit < timeout)
			timeout = limit;
	}
	return timeout;
}

static bool conn_enter(cek_conn *conn)
{
	if (!conn || conn->running || conn->closing || conn_is_foreign(conn))
		return false;
	conn_pin(conn);
	conn->running = true;
	return true;
}

static size_t conn_leave(cek_conn *conn)
{
	size_t n_open = conn->n_open;

	conn->running = false;
	if (n_open == 0) {
		buffer_rest(&conn->in);
		buffer_rest(&conn->out);
	}
	conn_unpin(conn);
	return n_open;
}

static void conn_turn(cek_conn *conn)
{
	link_run(conn);
	call_expire(conn);
	link_push(conn); /* what the callbacks have started */
}

size_t cek_conn_process(cek_conn *conn)
{
	if (!conn_enter(conn))
		return conn && !conn_is_foreign(conn) ? conn->n_open : 0;
	conn_turn(conn);
	return conn_leave(conn);
}

/* The socket itself is cheaper to wait for than the epoll descriptor around it. */
static void conn_poll(cek_conn *conn, int timeout_ms)
{
	struct pollfd pollfd = {
		.fd = conn->socket, /* poll(2) skips -1 */
		.events = (short)(POLLIN | (conn->blocked ? POLLOUT : 0)),
	};
	int limit = cek_conn_timeout(conn);

	if (limit >= 0 && (timeout_ms < 0 || limit < timeout_ms))
		timeout_ms = limit;
	(void)poll(&pollfd, 1, timeout_ms);
}

size_t cek_conn_wait(cek_conn *conn, int timeout_ms)
{
	if (!conn_enter(conn))
		return conn && !conn_is_foreign(conn) ? conn->n_open : 0;
	link_push(conn);
	if (conn->n_open > 0)
		conn_poll(conn, timeout_ms);
	conn_turn(conn);
	return conn_leave(conn);
}

uint64_t cek_conn_epoch(const cek_conn *conn)
{
	return conn ? conn->epoch : 0;
}
