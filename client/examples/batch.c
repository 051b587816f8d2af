/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch: many calls queued, written together, answered together. Usage: batch KEY
 */
#include <stdio.h>

#include <cek.h>

enum { CALLS = 64 };

/* One slot a call: answers come in any order, each finds its own. */
struct slot {
	cek_result *result;
};

static void answered(cek_call *call, cek_result *result, void *userdata)
{
	struct slot *slot = userdata;

	(void)call;
	slot->result = cek_result_keep(result); /* beyond the callback */
}

int main(int argc, char **argv)
{
	struct cek_wrap args = {.enc = "A128GCM"};
	struct slot slots[CALLS] = {{NULL}};
	unsigned ok = 0;
	cek_conn *conn;

	if (argc != 2 || cek_conn_new(NULL, &conn) != CEK_OK)
		return 2;
	args.key = argv[1];
	for (unsigned i = 0; i < CALLS; i++)
		if (cek_wrap_start(conn, &args, 60000, answered, &slots[i], NULL) != CEK_OK)
			return 1;
	/* Nothing has been written up to here. The first turn writes all of them with one system call. */
	while (cek_conn_wait(conn, -1) > 0)
		;
	for (unsigned i = 0; i < CALLS; i++) {
		if (cek_result_status(slots[i].result) == CEK_OK)
			ok++;
		else
			fprintf(stderr, "call %u: %s\n", i, cek_result_message(slots[i].result));
		cek_result_free(slots[i].result);
	}
	printf("%u of %d CEKs made\n", ok, CALLS);
	cek_conn_free(conn);
	return ok == CALLS ? 0 : 1;
}
