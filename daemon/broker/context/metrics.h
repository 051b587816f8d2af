/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters and a latency histogram for each operation, as OpenMetrics 1.0 text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/broker/base/names.h"

enum {
	METRICS_OPERATIONS = 32, /* permissions, at most */
	METRICS_BUCKETS = 14,
};

struct metrics {
	uint64_t answered[METRICS_OPERATIONS][STATUS_COUNT];
	uint64_t bucket[METRICS_OPERATIONS][METRICS_BUCKETS + 1]; /* the last: slower than all bounds */
	uint64_t micros[METRICS_OPERATIONS];
};

/* A line about the whole broker, or about a key or a pair of processes: those of one name stand one behind the other.
 */
struct metric {
	const char *name, *help;
	uint64_t value;
	bool counts;      /* a counter; otherwise a gauge */
	const char *key;  /* NULL: about the whole broker */
	const char *pair; /* NULL: about no pair */
	bool micros;      /* of a time, whose unit in the text is the second */
};

/* Count an answer to operation (its row in the table) that took this long. */
void metrics_answer(struct metrics *metrics, size_t operation, enum status status, uint64_t micros);

/* Write the text, NUL-terminated, into text of size bytes; name_of gives the operation's name for a row. Returns the
 * length, 0 if it does not fit. */
size_t metrics_text(const struct metrics *metrics, const char *(*name_of)(size_t operation), const struct metric *whole,
	size_t n_whole, char *text, size_t size);
