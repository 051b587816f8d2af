/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/broker/context/metrics.h"

static const uint64_t bounds[METRICS_BUCKETS] = {
	50,
	100,
	200,
	500,
	1000,
	2000,
	5000,
	10000,
	20000,
	50000,
	100000,
	500000,
	1000000,
	10000000,
};

void metrics_answer(struct metrics *metrics, size_t operation, enum status status, uint64_t micros)
{
	size_t i = 0;

	while (i < METRICS_BUCKETS && micros > bounds[i])
		i++;
	metrics->answered[operation][status]++;
	metrics->bucket[operation][i]++;
	metrics->micros[operation] += micros;
}

struct text {
	char *at;
	size_t size, len;
	bool cut; /* a line had no room */
};

static const char end[] = "# EOF\n";

static void line(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void line(struct text *text, const char *format, ...)
{
	size_t room = text->size - text->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->at + text->len, room, format, args);
	va_end(args);
	if (n > 0 && (size_t)n + sizeof(end) <= room)
		text->len += (size_t)n;
	else
		text->cut = true;
	text->at[text->len] = '\0';
}

static uint64_t answers(const struct metrics *metrics, size_t operation)
{
	uint64_t sum = 0;

	for (size_t i = 0; i <= METRICS_BUCKETS; i++)
		sum += metrics->bucket[operation][i];
	return sum;
}

static void write_requests(const struct metrics *metrics, const char *(*name_of)(size_t), struct text *text)
{
	line(text, "# TYPE cekd_requests counter\n# HELP cekd_requests Answered requests by operation and status.\n");
	for (size_t op = 0; op < METRICS_OPERATIONS; op++) {
		for (int status = 0; status < STATUS_COUNT; status++) {
			if (metrics->answered[op][status] > 0)
				line(text, "cekd_requests_total{operation=\"%s\",status=\"%s\"} %" PRIu64 "\n",
					name_of(op), status_name((enum status)status), metrics->answered[op][status]);
		}
	}
}

static void write_latency(const struct metrics *metrics, const char *(*name_of)(size_t), struct text *text)
{
	line(text,
		"# TYPE cekd_latency_seconds histogram\n# UNIT cekd_latency_seconds seconds\n"
		"# HELP cekd_latency_seconds From the whole request to its answer.\n");
	for (size_t op = 0; op < METRICS_OPERATIONS; op++) {
		uint64_t sum = 0;

		if (answers(metrics, op) == 0)
			continue;
		for (size_t i = 0; i < METRICS_BUCKETS; i++) {
			sum += metrics->bucket[op][i];
			line(text, "cekd_latency_seconds_bucket{operation=\"%s\",le=\"%g\"} %" PRIu64 "\n", name_of(op),
				(double)bounds[i] / 1e6, sum);
		}
		sum += metrics->bucket[op][METRICS_BUCKETS];
		line(text, "cekd_latency_seconds_bucket{operation=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name_of(op), sum);
		line(text, "cekd_latency_seconds_count{operation=\"%s\"} %" PRIu64 "\n", name_of(op), sum);
		line(text, "cekd_latency_seconds_sum{operation=\"%s\"} %.6f\n", name_of(op),
			(double)metrics->micros[op] / 1e6);
	}
}

/* Key names need no escape: key_name_valid(). */
static void write_metric(struct text *text, const struct metric *metric, bool first)
{
	const char *name = metric->name, *total = metric->counts ? "_total" : "";

	if (first)
		line(text, "# TYPE cekd_%s %s\n", name, metric->counts ? "counter" : "gauge");
	if (first && metric->micros)
		line(text, "# UNIT cekd_%s seconds\n", name);
	if (first)
		line(text, "# HELP cekd_%s %s\n", name, metric->help);
	if (metric->key)
		line(text, "cekd_%s%s{key=\"%s\"} %" PRIu64 "\n", name, total, metric->key, metric->value);
	else if (metric->pair)
		line(text, "cekd_%s%s{pair=\"%s\"} %" PRIu64 "\n", name, total, metric->pair, metric->value);
	else if (metric->micros)
		line(text, "cekd_%s %" PRIu64 ".%03" PRIu64 "\n", name, metric->value / 1000000,
			metric->value % 1000000 / 1000);
	else
		line(text, "cekd_%s%s %" PRIu64 "\n", name, total, metric->value);
}

size_t metrics_text(const struct metrics *metrics, const char *(*name_of)(size_t operation), const struct metric *whole,
	size_t n_whole, char *buffer, size_t size)
{
	struct text text = {.at = buffer, .size = size};

	if (size <= sizeof(end))
		return 0;
	for (size_t i = 0; i < n_whole; i++)
		write_metric(&text, &whole[i], i == 0 || strcmp(whole[i].name, whole[i - 1].name) != 0);
	write_requests(metrics, name_of, &text);
	write_latency(metrics, name_of, &text);
	if (text.cut)
		return 0;
	memcpy(text.at + text.len, end, sizeof(end));
	return text.len + sizeof(end) - 1;
}
