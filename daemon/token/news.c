/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/news.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "proto/dgram.h"

/* Into the arena: how is overwritten by the next row. */
static void describe_alg(struct token *token, const struct alg *alg, Cek__V1__AlgStatus *ret_status)
{
	const char *how = "";
	char *copy;

	cek__v1__alg_status__init(ret_status);
	ret_status->alg = (char *)(uintptr_t)alg->name;
	ret_status->available = facts_describe(&token->facts, alg, &how);
	ret_status->untried = !ret_status->available && !facts_settled(&token->facts, alg, NULL);
	copy = arena_alloc(&token->arena, strlen(how) + 1);
	if (copy)
		ret_status->how = strcpy(copy, how);
}

void news_fill(struct token *token, struct news *ret_news)
{
	for (ret_news->n = 0; ret_news->n < NEWS_ALGS_MAX && alg_row(ret_news->n); ret_news->n++) {
		describe_alg(token, alg_row(ret_news->n), &ret_news->status[ret_news->n]);
		ret_news->row[ret_news->n] = &ret_news->status[ret_news->n];
	}
}

int news_send(int fd, struct token *token)
{
	Cek__Internal__V1__FromWorker message = CEK__INTERNAL__V1__FROM_WORKER__INIT;
	Cek__Internal__V1__WorkerNews what = CEK__INTERNAL__V1__WORKER_NEWS__INIT;
	struct news news;
	int r;

	news_fill(token, &news);
	what.n_alg = news.n;
	what.alg = news.row;
	message.what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_NEWS;
	message.news = &what;
	r = dgram_send(fd, &message.base, NULL, 0);
	arena_reset(&token->arena);
	return r < 0 && r != -EPIPE ? log_origin(r) : r;
}
