/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcek inside libuv: a poll handle for the descriptor, a timer for the timeout. Usage: loop_uv KEY
 */
#include <stdio.h>

#include <uv.h>

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
	uv_poll_t poll;
	uv_timer_t timer;
};

static void loop_turn(struct loop *loop);

static void on_poll(uv_poll_t *handle, int status, int events)
{
	(void)status;
	(void)events;
	loop_turn(handle->data);
}

static void on_timer(uv_timer_t *handle)
{
	loop_turn(handle->data);
}

/* After each turn, and after starting calls outside of one: the timeout may be another. */
static void loop_arm(struct loop *loop)
{
	int timeout = cek_conn_timeout(loop->conn);

	uv_timer_stop(&loop->timer);
	if (timeout >= 0)
		uv_timer_start(&loop->timer, on_timer, (uint64_t)timeout, 0);
}

static void loop_turn(struct loop *loop)
{
	if (cek_conn_process(loop->conn) > 0) {
		loop_arm(loop);
		return;
	}
	uv_close((uv_handle_t *)&loop->poll, NULL);
	uv_close((uv_handle_t *)&loop->timer, NULL);
}

int main(int argc, char **argv)
{
	struct loop loop = {0};
	uv_loop_t *uv = uv_default_loop();

	if (argc != 2 || cek_conn_new(NULL, &loop.conn) != CEK_OK)
		return 2;
	if (uv_poll_init(uv, &loop.poll, cek_conn_fd(loop.conn)) < 0 || uv_timer_init(uv, &loop.timer) < 0)
		return 1;
	loop.poll.data = loop.timer.data = &loop;
	if (uv_poll_start(&loop.poll, UV_READABLE, on_poll) < 0 || start_all(loop.conn, argv[1]) < 0)
		return 1;
	loop_arm(&loop);
	uv_run(uv, UV_RUN_DEFAULT);
	printf("%u of %d CEKs made under libuv\n", ok, CALLS);
	cek_conn_free(loop.conn);
	uv_loop_close(uv);
	return ok == CALLS && failed == 0 ? 0 : 1;
}
