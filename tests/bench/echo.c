/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor for latency: a bare echo of SIZE bytes between two processes over a Unix stream socket, one at a time. With
 * WORK, in µs, the other side computes that long before it answers, as a token does; that time does not count.
 * Usage: bench-echo SIZE SECONDS [WORK]
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "case.h"
#include "measure.h"

static void move(int fd, char *data, size_t size, ssize_t (*call)(int, char *, size_t))
{
	while (size > 0) {
		ssize_t n = call(fd, data, size);

		if (n <= 0)
			_exit(0);
		data += n;
		size -= (size_t)n;
	}
}

static ssize_t get(int fd, char *data, size_t size)
{
	return read(fd, data, size);
}

static ssize_t put(int fd, char *data, size_t size)
{
	return write(fd, data, size);
}

static void work(uint64_t ns)
{
	for (uint64_t end = measure_now() + ns; ns > 0 && measure_now() < end;)
		continue;
}

int main(int argc, char **argv)
{
	static struct measure result;
	static char data[65536];
	size_t size;
	uint64_t deadline, ns;
	int fds[2];

	if (argc < 3 || argc > 4 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		return 2;
	size = (size_t)atoi(argv[1]);
	ns = argc == 4 ? (uint64_t)(atof(argv[3]) * 1000) : 0;
	if (size > sizeof(data))
		return 2;
	if (fork() == 0) {
		close(fds[0]);
		for (;;) {
			move(fds[1], data, size, get);
			work(ns);
			move(fds[1], data, size, put);
		}
	}
	close(fds[1]);
	result.started = measure_now();
	deadline = result.started + (uint64_t)(atof(argv[2]) * 1e9);
	do {
		uint64_t sent = measure_now();

		move(fds[0], data, size, put);
		move(fds[0], data, size, get);
		result.ended = measure_now();
		measure_add(&result, result.ended - sent > ns ? result.ended - sent - ns : 0);
	} while (result.ended < deadline);
	measure_print(&result);
	return 0;
}
