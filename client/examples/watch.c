/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hear of changes to keys, so that what was cached can be dropped. To have something to hear of, this program rotates
 * the key on a second connection, once it watches. Usage: watch KEY
 */
#include <stdio.h>

#include <cek.h>

struct news {
	unsigned count;
	uint64_t first, latest;
	int status;
};

static void changed(cek_call *call, cek_result *result, void *userdata)
{
	struct news *news = userdata;

	(void)call;
	news->status = cek_result_status(result);
	if (news->status != CEK_OK)
		return; /* it was the last: a lost connection. Drop the cache, watch again */
	news->latest = cek_result_epoch(result);
	if (news->count++ == 0)
		news->first = news->latest;
}

/* Rotate whatever version is active now. NULL if that did not work. */
static cek_result *rotate(cek_conn *conn, const char *key)
{
	cek_result *described = NULL, *rotated = NULL;
	int status = cek_key_describe(conn, &(struct cek_key_describe){.key = key}, 5000, &described);

	if (status == CEK_OK)
		status = cek_key_rotate(conn,
			&(struct cek_key_rotate){
				.key = key,
				.active_kid = cek_result_kid(described),
			},
			60000, &rotated);
	if (status != CEK_OK) {
		fprintf(stderr, "rotate: %s\n", cek_result_message(rotated ? rotated : described));
		rotated = cek_result_free(rotated);
	}
	cek_result_free(described);
	return rotated;
}

int main(int argc, char **argv)
{
	struct news news = {0};
	cek_conn *watcher, *operator;
	cek_result *result;

	if (argc != 2 || cek_conn_new(NULL, &watcher) != CEK_OK || cek_conn_new(NULL, &operator) != CEK_OK)
		return 2;
	if (cek_watch_start(watcher, changed, &news, NULL) != CEK_OK)
		return 1;
	while (news.count == 0 && cek_conn_wait(watcher, -1) > 0)
		;
	result = rotate(operator, argv[1]);
	if (!result)
		return 1;
	while (news.latest < cek_result_epoch(result) && cek_conn_wait(watcher, -1) > 0)
		;
	printf("%s is active now\n", cek_result_kid(result));
	cek_result_free(result);
	cek_conn_free(operator);
	cek_conn_free(watcher);
	return news.latest > news.first ? 0 : 1;
}
