/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cekd through libcek: CONNECTIONS connections, DEPTH unwraps open on each at any time.
 * Usage: bench-client CASE CONNECTIONS DEPTH SECONDS|OPSx
 */
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "case.h"
#include "client/cek.h"
#include "measure.h"

struct slot {
	struct peer *peer;
	uint64_t sent;
};

struct peer {
	cek_conn *conn;
	struct slot *slots;
};

static struct bench_case bench;
static struct cek_unwrap args;
static struct measure result;
static uint64_t deadline, max_ops, started_ops;
static bool over;

static void start(struct slot *slot);

static void answered(cek_call *call, cek_result *answer, void *userdata)
{
	struct slot *slot = userdata;
	struct cek_bytes cek = cek_result_cek(answer);
	uint64_t now = measure_now();

	(void)call;
	if (cek_result_status(answer) != CEK_OK)
		case_die(cek_result_message(answer));
	if (cek.len != bench.cek.len || memcmp(cek.data, bench.cek.data, cek.len) != 0)
		case_die("a wrong CEK");
	measure_add(&result, now - slot->sent);
	if (now >= deadline || (max_ops && started_ops >= max_ops))
		over = true;
	else
		start(slot);
}

static void start(struct slot *slot)
{
	cek_call *call;

	started_ops++;
	slot->sent = measure_now();
	if (cek_unwrap_start(slot->peer->conn, &args, -1, answered, slot, &call) != CEK_OK)
		case_die("cannot start a call");
}

static void fill_args(void)
{
	args.kid = bench.kid;
	args.alg = bench.alg;
	args.enc = bench.enc;
	args.encrypted_key = (struct cek_bytes){bench.encrypted_key.data, bench.encrypted_key.len};
	args.params.iv = (struct cek_bytes){bench.iv.data, bench.iv.len};
	args.params.tag = (struct cek_bytes){bench.tag.data, bench.tag.len};
	if (bench.crv[0]) {
		args.params.epk.kty = strcmp(bench.crv, "X25519") == 0 ? "OKP" : "EC";
		args.params.epk.crv = bench.crv;
		args.params.epk.x = (struct cek_bytes){bench.epk_x.data, bench.epk_x.len};
		args.params.epk.y = (struct cek_bytes){bench.epk_y.data, bench.epk_y.len};
	}
}

static void connect_all(struct peer *peers, int n, int depth, int epoll)
{
	for (int i = 0; i < n; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &peers[i]};

		if (cek_conn_new(NULL, &peers[i].conn) != CEK_OK)
			case_die("no connection object");
		cek_conn_set_limits(peers[i].conn, (size_t)depth + 1, 0);
		peers[i].slots = calloc((size_t)depth, sizeof(struct slot));
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, cek_conn_fd(peers[i].conn), &event) != 0)
			case_die("epoll");
		for (int k = 0; k < depth; k++) {
			peers[i].slots[k].peer = &peers[i];
			start(&peers[i].slots[k]);
		}
		cek_conn_process(peers[i].conn);
		while (cek_conn_timeout(peers[i].conn) >= 0) { /* cekd's backlog is full */
			poll(NULL, 0, cek_conn_timeout(peers[i].conn));
			cek_conn_process(peers[i].conn);
		}
	}
}

int main(int argc, char **argv)
{
	int n, depth, epoll = epoll_create1(EPOLL_CLOEXEC);
	struct peer *peers;
	struct epoll_event events[64];

	if (argc != 5)
		return 2;
	case_read(argv[1], &bench);
	fill_args();
	n = atoi(argv[2]);
	depth = atoi(argv[3]);
	peers = calloc((size_t)n, sizeof(*peers));
	if (strchr(argv[4], 'x'))
		max_ops = strtoull(argv[4], NULL, 10);
	deadline = UINT64_MAX;
	result.started = measure_now();
	connect_all(peers, n, depth, epoll);
	if (!max_ops) { /* connecting is not measured */
		result = (struct measure){.started = measure_now()};
		deadline = result.started + (uint64_t)(atof(argv[4]) * 1e9);
	}
	while (!over) {
		int ready = epoll_wait(epoll, events, 64, 5000);

		if (ready <= 0)
			case_die("no answer for five seconds");
		for (int i = 0; i < ready && !over; i++)
			cek_conn_process(((struct peer *)events[i].data.ptr)->conn);
	}
	result.ended = measure_now();
	measure_print(&result);
	return 0;
}
