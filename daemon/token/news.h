/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker tells the broker of the algorithms: in its hello, and again when something works that did not.
 */
#pragma once

#include <stddef.h>

#include "daemon/token/facts/token.h"
#include "proto/internal.pb-c.h"

enum { NEWS_ALGS_MAX = 32 };

struct news {
	Cek__V1__AlgStatus status[NEWS_ALGS_MAX], *row[NEWS_ALGS_MAX];
	size_t n;
};

/* One row an algorithm; the texts lie in token->arena. */
void news_fill(struct token *token, struct news *ret_news);

/* Tell the broker at the other end of fd, and empty the arena. 0 or -errno. */
int news_send(int fd, struct token *token);
