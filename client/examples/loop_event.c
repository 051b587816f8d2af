/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcek inside libevent: one event for the descriptor and the timeout. Usage: loop_event KEY
 */
#include <stdio.h>

#include <event2/event.h>

#include <cek.h>

enum { CALLS = 200 };

static unsigned ok, failed;

static void answered(cek_call *call, cek_result *result, void *userdata)
{
	(void)call;
	(void)userdata;
	if (cek_result_status(result) == CEK_OK)
		ok++;
	else
		failed++;
}

static int start_all(cek_conn *conn, const char *key)
{
	const struct cek_wrap args = {.key = key, .enc = "A256GCM"};

	for (unsigned i = 0; i < CALLS; i++)
		if (cek_wrap_start(conn, &args, 60000, answered, NULL, NULL) != CEK_OK)
			return -1;
	return 0;
}

struct loop {
	cek_conn *conn;
	struct event *event;
	struct event_base *base;
};

/* After each turn, and after starting calls outside of one: the timeout may be another. */
static void loop_arm(struct loop *loop)
{
	int timeout = cek_conn_timeout(loop->conn);
	struct timeval tv = {timeout / 1000, timeout % 1000 * 1000};

	event_del(loop->event);
	event_add(loop->event, timeout >= 0 ? &tv : NULL);
}

static void loop_turn(evutil_socket_t fd, short events, void *userdata)
{
	struct loop *loop = userdata;

	(void)fd;
	(void)events;
	if (cek_conn_process(loop->conn) == 0)
		event_base_loopbreak(loop->base);
	else
		loop_arm(loop);
}

int main(int argc, char **argv)
{
	struct loop loop = {.base = event_base_new()};

	if (argc != 2 || !loop.base || cek_conn_new(NULL, &loop.conn) != CEK_OK)
		return 2;
	loop.event = event_new(loop.base, cek_conn_fd(loop.conn), EV_READ | EV_PERSIST, loop_turn, &loop);
	if (!loop.event || start_all(loop.conn, argv[1]) < 0)
		return 1;
	loop_arm(&loop);
	event_base_dispatch(loop.base);
	printf("%u of %d CEKs made under libevent\n", ok, CALLS);
	event_free(loop.event); /* before the connection: it closes the descriptor */
	cek_conn_free(loop.conn);
	event_base_free(loop.base);
	return ok == CALLS && failed == 0 ? 0 : 1;
}
