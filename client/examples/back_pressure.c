/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Back-pressure: a producer that is faster than cekd learns it from CEK_E_FULL, turns the connection and goes on.
 * Nothing grows without bound, neither here nor there. Usage: back_pressure KEY
 */
#include <stdio.h>

#include <cek.h>

enum { CALLS = 1000, OPEN_AT_MOST = 32 };

static void answered(cek_call *call, cek_result *result, void *userdata)
{
	unsigned *counts = userdata;

	(void)call;
	counts[cek_result_status(result) == CEK_OK ? 0 : 1]++;
}

int main(int argc, char **argv)
{
	struct cek_wrap args = {.enc = "A128GCM"};
	unsigned counts[2] = {0, 0}, full = 0;
	cek_conn *conn;

	if (argc != 2 || cek_conn_new(NULL, &conn) != CEK_OK)
		return 2;
	args.key = argv[1];
	cek_conn_set_limits(conn, OPEN_AT_MOST, 0);
	for (unsigned i = 0; i < CALLS;) {
		int status = cek_wrap_start(conn, &args, 60000, answered, counts, NULL);

		if (status == CEK_OK) {
			i++;
		} else if (status == CEK_E_FULL) {
			full++;
			cek_conn_wait(conn,
				-1); /* until something has moved; a server stops reading its own peers here */
		} else {
			fprintf(stderr, "wrap: %s\n", cek_status_text(status));
			return 1;
		}
	}
	while (cek_conn_wait(conn, -1) > 0)
		;
	printf("%u answered, %u failed, held back %s\n", counts[0], counts[1], full > 0 ? "at times" : "never");
	cek_conn_free(conn);
	return counts[0] == CALLS && full > 0 ? 0 : 1;
}
