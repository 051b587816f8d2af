/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcek inside a program's own epoll loop. Usage: loop_epoll KEY
 */
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

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

int main(int argc, char **argv)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	cek_conn *conn;

	if (argc != 2 || epoll < 0 || cek_conn_new(NULL, &conn) != CEK_OK)
		return 2;
	/* Once: the descriptor stays the same, also when cekd is restarted. */
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, cek_conn_fd(conn), &event) < 0 || start_all(conn, argv[1]) < 0)
		return 1;
	while (cek_conn_process(conn) > 0)
		epoll_wait(epoll, &event, 1, cek_conn_timeout(conn));
	printf("%u of %d CEKs made under epoll\n", ok, CALLS);
	cek_conn_free(conn);
	close(epoll);
	return ok == CALLS && failed == 0 ? 0 : 1;
}
