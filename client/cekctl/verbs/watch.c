/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl watch: the ring's epoch now and at each change, a line each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "base/clock.h"
#include "client/cek.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"

enum { NO_END = UINT32_MAX };

struct watch {
	struct ctl *ctl;
	uint32_t left; /* lines still to print, NO_END: no end */
	bool heard;    /* of the first epoch */
	bool done;
	bool over; /* the last callback came */
	int exit;
};

static int print_epoch(const struct ctl *ctl, uint64_t epoch)
{
	if (ctl->json) {
		int r = output_json_line(ctl, json_pack("{s:I}", "epoch", (json_int_t)epoch));

		if (r != EXIT_SUCCESS)
			return r;
	} else {
		printf("%llu\n", (unsigned long long)epoch);
	}
	return fflush(stdout) == 0 ? EXIT_SUCCESS : ctl_fail(ctl, "cannot write to standard output");
}

static void on_epoch(cek_call *call, cek_result *result, void *userdata)
{
	struct watch *watch = userdata;
	int status = cek_result_status(result);

	if (status != CEK_OK) {
		watch->over = true;
		if (!watch->done)
			watch->exit = rpc_fail(watch->ctl, status, result);
		return;
	}
	watch->heard = true;
	if (watch->done)
		return;
	watch->exit = print_epoch(watch->ctl, cek_result_epoch(result));
	if (watch->exit != EXIT_SUCCESS) {
		watch->done = true;
	} else if (watch->left != NO_END && --watch->left == 0) {
		watch->done = true;
	}
}

/* The first answer comes at once, or it is no cekd; the next one may take years. */
static void wait_for_next(struct watch *watch, cek_conn *conn, uint64_t first_until)
{
	const uint64_t now = clock_monotonic_us();

	if (watch->heard) {
		cek_conn_wait(conn, -1);
	} else if (now < first_until) {
		cek_conn_wait(conn, (int)((first_until - now) / 1000 + 1));
	} else {
		watch->done = true;
		watch->exit = rpc_fail(watch->ctl, CEK_E_TIMEOUT, NULL);
	}
}

int verb_watch(struct ctl *ctl, int argc, char **argv)
{
	struct watch watch = {.ctl = ctl, .left = NO_END, .exit = EXIT_SUCCESS};
	const struct arg args[] = {
		{"count", ARG_NUMBER, &watch.left, "N", "leave after N lines"},
		{0},
	};
	cek_call *call;
	cek_conn *conn = NULL;
	uint64_t first_until;
	char **words;
	int r;

	output_lines(ctl);
	r = args_parse(ctl, argc, argv, args, 0, 0, &words);
	if (r != ARGS_GO)
		return args_exit(r);
	if (watch.left == 0)
		return ctl_usage(ctl, "--count is at least 1");
	r = rpc_connect(ctl, &conn);
	if (r != EXIT_SUCCESS)
		return r;
	ctl->operation = "watch";
	r = cek_watch_start(conn, on_epoch, &watch, &call);
	if (r != CEK_OK)
		return rpc_fail(ctl, r, NULL);
	first_until = clock_monotonic_us() + ctl->timeout * UINT64_C(1000000);
	while (!watch.done && !watch.over)
		wait_for_next(&watch, conn, first_until);
	if (!watch.over)
		cek_call_cancel(call);
	return watch.exit;
}
