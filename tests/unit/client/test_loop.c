/* SPDX-License-Identifier: Apache-2.0 */
/* What an event loop relies on: it is woken, nothing runs inside of a start, and no byte is left without a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/state.h"
#include "tests/unit/client/stub_cekd.h"

/* ---- calls that ask nothing -------------------------------------------------------------------------------------- */

static void test_defer(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};
	cek_call *call = NULL;

	assert_int_equal(cek_defer_start(NULL, seen_callback, &seen, NULL), CEK_E_INVALID);
	assert_int_equal(cek_defer_start(stub->conn, NULL, &seen, NULL), CEK_E_INVALID);
	assert_int_equal(cek_conn_timeout(stub->conn), -1);
	assert_int_equal(cek_defer_start(stub->conn, seen_callback, &seen, &call), CEK_OK);
	assert_non_null(call);
	assert_int_equal(seen.count, 0);
	assert_int_equal(cek_conn_timeout(stub->conn), 0);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.status, CEK_OK);
	assert_int_equal(cek_result_cek(seen.kept).len, 0);
	assert_string_equal(cek_result_message(seen.kept), "");
	assert_int_equal(cek_conn_timeout(stub->conn), -1);
	assert_int_equal(stub->conn->link.socket, -1); /* nothing was asked */
	assert_int_equal(cek_defer_start(stub->conn, seen_callback, &seen, NULL), CEK_OK);
	assert_int_equal(cek_conn_wait(stub->conn, -1), 0); /* does not wait */
	assert_int_equal(seen.count, 2);
}

struct chain {
	cek_conn *conn;
	unsigned count;
};

static void defer_again(cek_call *call, cek_result *result, void *userdata)
{
	struct chain *chain = userdata;

	chain->count++;
	if (cek_result_status(result) == CEK_OK)
		assert_int_equal(cek_defer_start(chain->conn, defer_again, chain, NULL), CEK_OK);
}

/* A turn ends, whatever the callbacks start. */
static void test_defer_inside_callback(void **state)
{
	struct stub *stub = *state;
	struct chain chain = {stub->conn, 0};

	assert_int_equal(cek_defer_start(stub->conn, defer_again, &chain, NULL), CEK_OK);
	for (unsigned i = 1; i < 4; i++) {
		assert_int_equal(cek_conn_process(stub->conn), 1);
		assert_int_equal(chain.count, i);
		assert_int_equal(cek_conn_timeout(stub->conn), 0);
	}
	stub->conn = cek_conn_free(stub->conn);
	assert_int_equal(chain.count, 4);
}

static void test_defer_ends(void **state)
{
	struct stub *stub = *state;
	struct seen cancelled = {0}, closed = {0};
	cek_call *call;

	cek_conn_set_limits(stub->conn, 2, 0);
	assert_int_equal(cek_defer_start(stub->conn, seen_callback, &cancelled, &call), CEK_OK);
	assert_int_equal(cek_defer_start(stub->conn, seen_callback, &closed, NULL), CEK_OK);
	assert_int_equal(cek_defer_start(stub->conn, seen_callback, &closed, NULL), CEK_E_FULL);
	cek_call_cancel(call);
	assert_int_equal(cancelled.count, 1);
	assert_int_equal(cancelled.status, CEK_E_CANCELLED);
	assert_int_equal(closed.count, 0);
	stub->conn = cek_conn_free(stub->conn);
	assert_int_equal(closed.count, 1);
	assert_int_equal(closed.status, CEK_E_CANCELLED);
	assert_int_equal(cancelled.count, 1);
}

/* It has nothing to do with cekd: neither that there is none, nor what one says under its id. */
static void test_defer_without_cekd(void **state)
{
	struct stub *stub = *state;
	struct seen asked = {0}, deferred = {0};
	cek_call *call;

	stub_unwrap(stub, -1, seen_callback, &asked);
	(void)stub_request_id(stub);
	assert_int_equal(cek_defer_start(stub->conn, seen_callback, &deferred, &call), CEK_OK);
	stub_reply_cek(stub, call->id, 1, 32);
	unlink(stub->path);
	cek_conn_process(stub->conn);
	assert_int_equal(asked.status, CEK_E_PROTOCOL);
	assert_int_equal(deferred.count, 1);
	assert_int_equal(deferred.status, CEK_OK);
	assert_int_equal(cek_result_cek(deferred.kept).len, 0);
	seen_free(&asked);
	seen_free(&deferred);
}

/* ---- the wake-up ------------------------------------------------------------------------------------------------- */

struct woken {
	unsigned count;
	bool turns; /* tries what is not allowed */
	int timeout;
};

static void wake(cek_conn *conn, void *userdata)
{
	struct woken *woken = userdata;
	cek_result *result;

	woken->count++;
	woken->timeout = cek_conn_timeout(conn);
	if (!woken->turns)
		return;
	cek_conn_process(conn);
	cek_conn_wait(conn, -1);
	assert_int_equal(cek_status(conn, -1, &result), CEK_E_INVALID);
}

static void start_and_cancel(cek_call *call, cek_result *result, void *userdata)
{
	cek_conn *conn = userdata;
	struct cek_key_list args = {0};
	struct seen seen = {0};
	cek_call *other;

	assert_int_equal(cek_key_list_start(conn, &args, -1, seen_callback, &seen, &other), CEK_OK);
	cek_call_cancel(other);
	assert_int_equal(seen.count, 1);
}

static void test_wakeup(void **state)
{
	struct stub *stub = *state;
	struct woken woken = {.timeout = -1};
	struct seen seen = {0};

	cek_conn_set_wakeup(NULL, wake, &woken);
	cek_conn_set_wakeup(stub->conn, wake, &woken);
	assert_int_equal(woken.count, 0);
	stub_unwrap(stub, -1, start_and_cancel, stub->conn);
	assert_int_equal(woken.count, 1);
	assert_int_equal(woken.timeout, 0);
	stub_reply_cek(stub, stub_request_id(stub), 1, 32);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(woken.count, 1); /* who is inside a turn asks after it */
	assert_int_equal(cek_defer_start(stub->conn, seen_callback, &seen, NULL), CEK_OK);
	assert_int_equal(woken.count, 2);
	cek_conn_set_limits(stub->conn, 1, 0);
	assert_int_equal(cek_defer_start(stub->conn, seen_callback, &seen, NULL), CEK_E_FULL);
	assert_int_equal(woken.count, 2);
	cek_conn_process(stub->conn);
	cek_call_cancel(stub_unwrap(stub, -1, start_and_cancel, stub->conn));
	assert_int_equal(woken.count, 4); /* cancel() is no turn */
	cek_conn_set_wakeup(stub->conn, NULL, NULL);
	cek_call_cancel(stub_unwrap(stub, -1, seen_callback, &seen));
	assert_int_equal(woken.count, 4);
}

/* A start whose wake-up turns the connection still runs no callback. */
static void test_wakeup_does_not_turn(void **state)
{
	struct stub *stub = *state;
	struct woken woken = {.turns = true};
	struct seen seen = {0};

	cek_conn_set_wakeup(stub->conn, wake, &woken);
	assert_int_equal(cek_defer_start(stub->conn, seen_callback, &seen, NULL), CEK_OK);
	assert_int_equal(woken.count, 1);
	assert_int_equal(seen.count, 0);
	cek_conn_process(stub->conn);
	assert_int_equal(seen.count, 1);
}

/* ---- edge-triggered ---------------------------------------------------------------------------------------------- */

enum { ASKED = 300 }; /* reads of one reply each: several turns */

struct replies {
	struct stub *stub;
	uint64_t ids[ASKED];
	unsigned written, seen;
};

static void reply_next(struct replies *replies)
{
	if (replies->written < ASKED)
		stub_reply_cek(replies->stub, replies->ids[replies->written++], 1, 32);
}

/* The next reply comes while this one is told, so that each takes a read of its own. */
static void on_reply(cek_call *call, cek_result *result, void *userdata)
{
	struct replies *replies = userdata;

	assert_int_equal(cek_result_status(result), CEK_OK);
	replies->seen++;
	reply_next(replies);
}

static int unread(const cek_conn *conn)
{
	int bytes = 0;

	assert_int_equal(ioctl(conn->link.socket, FIONREAD, &bytes), 0);
	return bytes;
}

static int edge_of(const cek_conn *conn)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int fd = epoll_create1(EPOLL_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(epoll_ctl(fd, EPOLL_CTL_ADD, cek_conn_fd(conn), &event), 0);
	return fd;
}

static void test_edge_triggered(void **state)
{
	struct stub *stub = *state;
	struct replies replies = {.stub = stub};
	struct epoll_event event;
	int edge = edge_of(stub->conn), timeout = 0;
	unsigned stopped = 0;

	for (unsigned i = 0; i < ASKED; i++)
		stub_unwrap(stub, -1, on_reply, &replies);
	for (unsigned i = 0; i < ASKED; i++)
		replies.ids[i] = stub_request_id(stub);
	reply_next(&replies);
	while (replies.seen < ASKED) {
		assert_true(epoll_wait(edge, &event, 1, 0) == 1 || timeout == 0); /* or it would sleep here */
		cek_conn_process(stub->conn);
		timeout = cek_conn_timeout(stub->conn);
		assert_true(unread(stub->conn) == 0 || timeout == 0);
		stopped += timeout == 0;
	}
	assert_true(stopped >= 2); /* a turn is bounded */
	assert_int_equal(cek_conn_timeout(stub->conn), -1);
	close(edge);
}

/* The end of the socket makes no second edge when it was there before the reply was read. */
static void test_end_behind_a_reply(void **state)
{
	struct stub *stub = *state;
	const struct cek_key_create args = {.key = "new", .alg = "A256KW"};
	struct seen answered = {0}, lost = {0};
	struct epoll_event event;
	int edge = edge_of(stub->conn);
	uint64_t id;

	stub_unwrap(stub, -1, seen_callback, &answered);
	assert_int_equal(cek_key_create_start(stub->conn, &args, -1, seen_callback, &lost, NULL), CEK_OK);
	id = stub_request_id(stub);
	(void)stub_request_id(stub);
	while (epoll_wait(edge, &event, 1, 0) > 0)
		continue;
	stub_reply_cek(stub, id, 1, 32);
	stub_hang_up(stub);
	while (epoll_wait(edge, &event, 1, 0) > 0)
		cek_conn_process(stub->conn);
	assert_int_equal(answered.status, CEK_OK);
	assert_int_equal(lost.count, 1);
	assert_int_equal(lost.status, CEK_E_DISCONNECTED);
	seen_free(&answered);
	seen_free(&lost);
	close(edge);
}

/* A cekd that hands over takes no more, answers what it was sent, and only then closes: nothing is asked twice. */
static void test_other_end_takes_no_more(void **state)
{
	struct stub *stub = *state;
	struct seen first = {0}, second = {0};
	uint64_t id;

	stub_unwrap(stub, -1, seen_callback, &first);
	id = stub_request_id(stub);
	assert_int_equal(shutdown(stub->peer, SHUT_RD), 0);
	stub_unwrap(stub, -1, seen_callback, &second); /* EPIPE */
	assert_int_equal(cek_conn_process(stub->conn), 2);
	assert_int_equal(cek_conn_process(stub->conn), 2);
	assert_int_equal(cek_conn_timeout(stub->conn), -1); /* what comes is readable */
	stub_reply_cek(stub, id, 1, 32);
	assert_int_equal(cek_conn_process(stub->conn), 1);
	assert_int_equal(first.status, CEK_OK);
	assert_int_equal(first.count, 1);
	stub_hang_up(stub);
	stub_reply_cek(stub, stub_request_id(stub), 2, 32); /* on a socket of its own */
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(second.status, CEK_OK);
	seen_free(&first);
	seen_free(&second);
}

#define WITH_STUB(function) cmocka_unit_test_setup_teardown(function, stub_setup, stub_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_STUB(test_defer),
		WITH_STUB(test_defer_inside_callback),
		WITH_STUB(test_defer_ends),
		WITH_STUB(test_defer_without_cekd),
		WITH_STUB(test_wakeup),
		WITH_STUB(test_wakeup_does_not_turn),
		WITH_STUB(test_edge_triggered),
		WITH_STUB(test_end_behind_a_reply),
		WITH_STUB(test_other_end_takes_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
