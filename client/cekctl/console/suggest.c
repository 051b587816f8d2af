/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/suggest.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { WORD_MAX = 40 };

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* A letter's case alone makes no other word. */
static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same(char a, char b)
{
	return fold(a) == fold(b);
}

size_t suggest_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1], n = strlen(a), m = strlen(b);
	size_t *last = rows[0], *before = rows[1], *now = rows[2];

	if (n > WORD_MAX || m > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= m; j++)
		last[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *oldest = before;

		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			now[j] = min(min(last[j], now[j - 1]) + 1, last[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				now[j] = min(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = oldest;
	}
	return last[m];
}

static size_t tolerance(const char *typed)
{
	size_t len = strlen(typed);

	return len <= 2 ? 0 : len <= 5 ? 1 : len <= 8 ? 2 : 3;
}

void suggest_begin(struct suggestion *suggestion, const char *typed)
{
	*suggestion = (struct suggestion){.typed = typed, .distance = tolerance(typed) + 1};
}

void suggest_try(struct suggestion *suggestion, const char *word, const char *as)
{
	size_t distance = suggest_distance(suggestion->typed, word);

	if (distance >= suggestion->distance)
		return;
	suggestion->distance = distance;
	suggestion->best = as;
}
