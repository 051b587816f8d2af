/* SPDX-License-Identifier: Apache-2.0 */
/* cek.h, connection: where the parts are put together. What one of them has to tell goes down into another here. */
#include "client/conn.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "client/reply.h"
#include "client/result.h"
#include "client/state.h"
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

/* The object was made before a fork, in the parent: its socket is the parent's business. */
static bool conn_is_foreign(const cek_conn *conn)
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

static enum link_verdict on_frame(void *owner, const uint8_t *body, size_t len, int *ret_status)
{
	return reply_take(owner, body, len, ret_status);
}

static void on_lost(void *owner, int status, bool again)
{
	cek_conn *conn = owner;

	conn->watched = false;
	calls_lost(&conn->calls, status, again);
}

static void on_refused(void *owner, int status)
{
	cek_conn *conn = owner;
	cek_result *notice = conn->notice;

	conn->notice = NULL;
	conn->watched = false;
	conn->calls.error = conn->link.error;
	calls_finish_before(&conn->calls, conn->out.sent, notice ? notice : result_local(status));
	cek_result_free(notice);
}

static void before_write(void *owner)
{
	cek_conn *conn = owner;

	calls_compact(&conn->calls);
}

static const struct link_events link_events = {
	.frame = on_frame,
	.lost = on_lost,
	.refused = on_refused,
	.before_write = before_write,
};

/* The parts, each with those that it uses. False if there is no memory, or no descriptor. */
static bool conn_init(cek_conn *conn, const struct sockaddr_un *address)
{
	if (link_init(&conn->link, address, &conn->out, &link_events, conn) < 0)
		return false;
	conn->slots = slots_new();
	if (!conn->slots) {
		link_deinit(&conn->link, false);
		return false;
	}
	calls_init(&conn->calls, conn, &conn->out);
	conn->calls.max_calls = MAX_CALLS_DEFAULT;
	conn->calls.max_output = MAX_OUTPUT_DEFAULT;
	conn->process_id = process_id;
	return true;
}

int cek_conn_new(const char *path, cek_conn **ret_conn)
{
	struct sockaddr_un address = {0};
	cek_conn *conn;

	if (!ret_conn || (path && path[0] == '\0') || !address_set(&address, path))
		return CEK_E_INVALID;
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return CEK_E_NOMEM;
	pthread_once(&fork_once, fork_watch);
	if (!conn_init(conn, &address)) {
		free(conn);
		return CEK_E_NOMEM;
	}
	*ret_conn = conn;
	return CEK_OK;
}

static void conn_destroy(cek_conn *conn)
{
	link_deinit(&conn->link, conn_is_foreign(conn));
	calls_deinit(&conn->calls);
	stream_deinit(&conn->out);
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
	link_end(&conn->link);
	if (!conn_is_foreign(conn))
		calls_finish_all(&conn->calls, result_local(CEK_E_CANCELLED));
	conn_unpin(conn);
	return NULL;
}

/* Something was queued. Inside of the loop the caller asks for the time-out anyway; a wakeup that turns the connection
 * finds it busy, so that no callback ever runs inside a start. */
static void conn_wake(cek_conn *conn)
{
	if (!conn->wakeup || conn->running)
		return;
	conn_pin(conn);
	conn->running = true;
	conn->wakeup(conn, conn->wakeup_data);
	conn->running = false;
	conn_unpin(conn);
}

int conn_start(cek_conn *conn, struct request *request, int timeout_ms, cek_callback *callback, void *userdata,
	cek_call **ret_call)
{
	int status;

	if (!conn || !callback || conn->closing || conn_is_foreign(conn))
		return CEK_E_INVALID;
	status = calls_start(&conn->calls, request, timeout_ms, callback, userdata, ret_call);
	if (status == CEK_OK)
		conn_wake(conn);
	return status;
}

int cek_defer_start(cek_conn *conn, cek_callback *callback, void *userdata, cek_call **ret_call)
{
	int status;

	if (!conn || !callback || conn->closing || conn_is_foreign(conn))
		return CEK_E_INVALID;
	status = calls_defer(&conn->calls, callback, userdata, ret_call);
	if (status == CEK_OK)
		conn_wake(conn);
	return status;
}

void cek_conn_set_wakeup(cek_conn *conn, cek_wakeup *wakeup, void *userdata)
{
	if (!conn)
		return;
	conn->wakeup = wakeup;
	conn->wakeup_data = userdata;
}

void cek_call_cancel(cek_call *call)
{
	cek_conn *conn;

	if (!call || call->id == 0 || conn_is_foreign(call->calls->conn))
		return;
	conn = call->calls->conn;
	conn_pin(conn);
	call_finish(call, result_local(CEK_E_CANCELLED));
	conn_unpin(conn);
}

void cek_conn_set_limits(cek_conn *conn, size_t max_calls, size_t max_output)
{
	if (!conn)
		return;
	if (max_calls > 0)
		conn->calls.max_calls = max_calls < CALL_INDEX_MAX ? max_calls : CALL_INDEX_MAX;
	if (max_output > 0)
		conn->calls.max_output = max_output > MAX_OUTPUT_MIN ? max_output : MAX_OUTPUT_MIN;
}

int cek_conn_fd(const cek_conn *conn)
{
	return conn ? conn->link.epoll_fd : -1;
}

short cek_conn_events(const cek_conn *conn)
{
	return POLLIN;
}

int cek_conn_timeout(const cek_conn *conn)
{
	uint64_t due, now, ms;

	if (!conn || conn->closing || conn_is_foreign(conn))
		return -1;
	due = link_due(&conn->link);
	if (calls_due(&conn->calls) < due)
		due = calls_due(&conn->calls);
	if (due == UINT64_MAX)
		return -1;
	now = clock_monotonic_ns();
	/* Rounded up, so that nobody wakes a little too early and spins. */
	ms = due > now ? (due - now + ns_per_ms - 1) / ns_per_ms : 0;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

bool conn_is_busy(const cek_conn *conn)
{
	return conn->running || conn->calls.delivering;
}

int conn_error(const cek_conn *conn)
{
	return conn->link.error;
}

static bool conn_enter(cek_conn *conn)
{
	if (!conn || conn_is_busy(conn) || conn->closing || conn_is_foreign(conn))
		return false;
	conn_pin(conn);
	conn->running = true;
	return true;
}

static size_t conn_leave(cek_conn *conn)
{
	size_t n_open = conn->calls.n_open;

	conn->running = false;
	if (n_open == 0) {
		buffer_rest(&conn->link.in);
		buffer_rest(&conn->out.buffer);
	}
	conn_unpin(conn);
	return n_open;
}

static void conn_turn(cek_conn *conn, bool drain)
{
	link_run(&conn->link, drain);
	calls_run_deferred(&conn->calls);
	calls_expire(&conn->calls);
	link_push(&conn->link); /* what the callbacks have started */
}

size_t cek_conn_process(cek_conn *conn)
{
	if (!conn_enter(conn))
		return conn && !conn_is_foreign(conn) ? conn->calls.n_open : 0;
	/* A caller's loop may be edge-triggered, and the end of the socket stand behind a reply. */
	conn_turn(conn, true);
	return conn_leave(conn);
}

size_t cek_conn_wait(cek_conn *conn, int timeout_ms)
{
	if (!conn_enter(conn))
		return conn && !conn_is_foreign(conn) ? conn->calls.n_open : 0;
	link_push(&conn->link);
	if (conn->calls.n_open > 0) {
		int limit = cek_conn_timeout(conn);

		link_wait(&conn->link, limit >= 0 && (timeout_ms < 0 || limit < timeout_ms) ? limit : timeout_ms);
	}
	conn_turn(conn, false);
	return conn_leave(conn);
}

uint64_t cek_conn_epoch(const cek_conn *conn)
{
	return conn ? conn->epoch : 0;
}
