/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gateways that never rest: connections with several unwraps in flight each, one of them with calls that wait, until
 * standard input ends. Usage: load KID ALG ENC CONNECTIONS DEPTH TIMEOUT_MS, the encrypted key in hex as the first line
 * of standard input. Prints "started" when each has had an answer, and at the end how many unwraps were OK, how many
 * were not, the longest time without any answer on a connection in microseconds, and the first status that was not OK.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/cek.h"

enum {
	CONNECTIONS_MAX = 64,
};

static struct cek_unwrap args;
static int timeout_ms;
static bool over;
static unsigned long long ok, failed;
static int first_failure;

struct gateway {
	cek_conn *conn;
	uint64_t answered_at, longest;
	bool answered;
};

static uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void count(struct gateway *gateway, int status, size_t cek_len)
{
	const uint64_t now = now_us(), since = now - gateway->answered_at;

	if (since > gateway->longest)
		gateway->longest = since;
	gateway->answered_at = now;
	gateway->answered = true;
	if (status == CEK_OK && cek_len > 0) {
		ok++;
		return;
	}
	if (failed++ == 0)
		first_failure = status;
}

static void on_answer(cek_call *call, cek_result *result, void *userdata)
{
	struct gateway *gateway = userdata;

	(void)call;
	count(gateway, cek_result_status(result), cek_result_cek(result).len);
	if (!over && cek_unwrap_start(gateway->conn, &args, timeout_ms, on_answer, gateway, NULL) != CEK_OK)
		abort();
}

static void turn_all(struct gateway *gateways, unsigned n, bool *open)
{
	struct pollfd fds[CONNECTIONS_MAX + 1] = {{.fd = over ? -1 : 0, .events = POLLIN}};
	char rest[64];
	int timeout = 100;

	for (unsigned i = 0; i < n; i++) {
		const int wanted = cek_conn_timeout(gateways[i].conn);

		fds[i + 1] = (struct pollfd){.fd = cek_conn_fd(gateways[i].conn), .events = POLLIN};
		if (wanted >= 0 && wanted < timeout)
			timeout = wanted;
	}
	(void)poll(fds, n + 1, timeout);
	if (fds[0].revents && fgets(rest, sizeof(rest), stdin) == NULL)
		over = true;
	*open = false;
	for (unsigned i = 0; i < n; i++)
		*open = cek_conn_process(gateways[i].conn) > 0 || *open;
}

static void wait_once(struct gateway *gateway)
{
	cek_result *result = NULL;
	const int status = cek_unwrap(gateway->conn, &args, timeout_ms, &result);

	count(gateway, status, cek_result_cek(result).len);
	cek_result_free(result);
}

static size_t read_hex(unsigned char *out, size_t size)
{
	size_t n = 0;
	unsigned byte;
	int c;

	while (n < size && (c = getchar()) != '\n' && c != EOF) {
		(void)ungetc(c, stdin);
		if (scanf("%2x", &byte) != 1)
			break;
		out[n++] = (unsigned char)byte;
	}
	return n;
}

int main(int argc, char **argv)
{
	static struct gateway gateways[CONNECTIONS_MAX + 1];
	static unsigned char encrypted_key[1024];
	uint64_t longest = 0;
	bool open = true, told = false;
	unsigned n;

	if (argc != 7)
		return 2;
	args = (struct cek_unwrap){.kid = argv[1], .alg = argv[2], .enc = argv[3]};
	args.encrypted_key = (struct cek_bytes){encrypted_key, read_hex(encrypted_key, sizeof(encrypted_key))};
	n = (unsigned)atoi(argv[4]);
	timeout_ms = atoi(argv[6]);
	for (unsigned i = 0; i <= n; i++) {
		gateways[i].answered_at = now_us();
		if (i > CONNECTIONS_MAX || cek_conn_new(NULL, &gateways[i].conn) != CEK_OK)
			return 2;
		for (int j = 0; i < n && j < atoi(argv[5]); j++)
			(void)cek_unwrap_start(gateways[i].conn, &args, timeout_ms, on_answer, &gateways[i], NULL);
	}
	while (open) {
		bool all = true;

		turn_all(gateways, n, &open);
		if (!over)
			wait_once(&gateways[n]);
		for (unsigned i = 0; i <= n; i++)
			all = all && gateways[i].answered;
		if (all && !told) {
			told = true;
			(void)puts("started");
			(void)fflush(stdout);
		}
	}
	for (unsigned i = 0; i <= n; i++) {
		longest = gateways[i].longest > longest ? gateways[i].longest : longest;
		cek_conn_free(gateways[i].conn);
	}
	(void)printf("%llu %llu %llu %s\n", ok, failed, (unsigned long long)longest, cek_status_name(first_failure));
	return 0;
}
