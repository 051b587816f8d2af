/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipelining: always a few calls under way, the next one started when one is answered. Usage: pipeline KEY
 */
#include <stdio.h>

#include <cek.h>

enum { CALLS = 1000, UNDER_WAY = 16 };

struct work {
	cek_conn *conn;
	struct cek_unwrap unwrap;
	unsigned started, done, failed;
};

static void next(struct work *work);

static void unwrapped(cek_call *call, cek_result *result, void *userdata)
{
	struct work *work = userdata;

	(void)call;
	work->done++;
	if (cek_result_status(result) != CEK_OK)
		work->failed++;
	next(work);
}

static void next(struct work *work)
{
	if (work->started == CALLS)
		return;
	if (cek_unwrap_start(work->conn, &work->unwrap, 60000, unwrapped, work, NULL) == CEK_OK)
		work->started++;
}

int main(int argc, char **argv)
{
	cek_result *wrapped = NULL;
	struct work work = {0};

	if (argc != 2 || cek_conn_new(NULL, &work.conn) != CEK_OK)
		return 2;
	if (cek_wrap(work.conn, &(struct cek_wrap){.key = argv[1], .enc = "A256GCM"}, 5000, &wrapped) != CEK_OK) {
		fprintf(stderr, "wrap: %s\n", cek_result_message(wrapped));
		return 1;
	}
	work.unwrap = (struct cek_unwrap){
		.kid = cek_result_kid(wrapped),
		.alg = cek_result_alg(wrapped),
		.enc = "A256GCM",
		.encrypted_key = cek_result_encrypted_key(wrapped),
		.params = cek_result_params(wrapped),
	};
	for (unsigned i = 0; i < UNDER_WAY; i++)
		next(&work);
	while (cek_conn_wait(work.conn, -1) > 0)
		;
	printf("%u of %u unwrapped\n", work.done - work.failed, work.started);
	cek_result_free(wrapped);
	cek_conn_free(work.conn);
	return work.done == CALLS && work.failed == 0 ? 0 : 1;
}
