/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/broker/context/metrics.c: the whole text, as OpenMetrics wants it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/context/metrics.h"

static const struct metric whole[] = {
	{"keys", "Keys.", 3},
	{"refused", "Refused.", 4, .counts = true},
	{"oldest_seconds", "Oldest.", 2034567, .micros = true},
	{"uses", "Uses.", 5, .counts = true, .key = "a"},
	{"uses", "Uses.", 6, .counts = true, .key = "b"},
	{"broken", "Broken.", 7, .counts = true, .pair = "x-y"},
};

static const char wanted[] = "# TYPE cekd_keys gauge\n"
			     "# HELP cekd_keys Keys.\n"
			     "cekd_keys 3\n"
			     "# TYPE cekd_refused counter\n"
			     "# HELP cekd_refused Refused.\n"
			     "cekd_refused_total 4\n"
			     "# TYPE cekd_oldest_seconds gauge\n"
			     "# UNIT cekd_oldest_seconds seconds\n"
			     "# HELP cekd_oldest_seconds Oldest.\n"
			     "cekd_oldest_seconds 2.034\n"
			     "# TYPE cekd_uses counter\n"
			     "# HELP cekd_uses Uses.\n"
			     "cekd_uses_total{key=\"a\"} 5\n"
			     "cekd_uses_total{key=\"b\"} 6\n"
			     "# TYPE cekd_broken counter\n"
			     "# HELP cekd_broken Broken.\n"
			     "cekd_broken_total{pair=\"x-y\"} 7\n"
			     "# TYPE cekd_requests counter\n"
			     "# HELP cekd_requests Answered requests by operation and status.\n"
			     "cekd_requests_total{operation=\"one\",status=\"OK\"} 4\n"
			     "cekd_requests_total{operation=\"one\",status=\"DENIED\"} 1\n"
			     "# TYPE cekd_latency_seconds histogram\n"
			     "# UNIT cekd_latency_seconds seconds\n"
			     "# HELP cekd_latency_seconds From the whole request to its answer.\n"
			     "cekd_latency_seconds_bucket{operation=\"one\",le=\"5e-05\"} 2\n"
			     "cekd_latency_seconds_bucket{operation=\"one\",le=\"0.0001\"} 3\n"
			     "cekd_latency_seconds_bucket{operation=\"one\",le=\"0.0002\"} 3\n"
			     "cekd_latency_seconds_bucket{operation=\"one\",le=\"0.0005\"} 3\n"
			     "cekd_latency_seconds_bucket{operation=\"one\",le=\"0.001\"} 3\n"
			     "cekd_latency_seconds_bucket{operation=\"one\",le=\"0.002\"} 3\n"
			     "cekd_latency_seconds_bucket{operation=\"one\",le=\"0.005\"} 3\n"
			     "cekd_latency_seconds_bucket{operation=\"one\",le=\"0.01\"} 3\n"
			     "cekd_latency_seconds_bucket{operation=\"one\",le=\"0.02\"} 3\n"
			     "cekd_latency_seconds_bucket{operation=\"one\",le=\"0.05\"} 3\n"
			     "cekd_latency_seconds_bucket{operation=\"one\",le=\"0.1\"} 3\n"
			     "cekd_latency_seconds_bucket{operation=\"one\",le=\"0.5\"} 3\n"
			     "cekd_latency_seconds_bucket{operation=\"one\",le=\"1\"} 3\n"
			     "cekd_latency_seconds_bucket{operation=\"one\",le=\"10\"} 4\n"
			     "cekd_latency_seconds_bucket{operation=\"one\",le=\"+Inf\"} 5\n"
			     "cekd_latency_seconds_count{operation=\"one\"} 5\n"
			     "cekd_latency_seconds_sum{operation=\"one\"} 20.000102\n"
			     "# EOF\n";

static const char *name_of(size_t operation)
{
	return operation == 1 ? "one" : "another";
}

/* At the bounds of the first and the last bucket, and one past each. And room for just so much, and for less. */
static void test_text(void **state)
{
	struct metrics metrics = {0};
	char text[sizeof(wanted) + 1];

	metrics_answer(&metrics, 1, STATUS_OK, 0);
	metrics_answer(&metrics, 1, STATUS_OK, 50);
	metrics_answer(&metrics, 1, STATUS_OK, 51);
	metrics_answer(&metrics, 1, STATUS_OK, 10000000);
	metrics_answer(&metrics, 1, STATUS_DENIED, 10000001);
	assert_int_equal(metrics_text(&metrics, name_of, whole, sizeof(whole) / sizeof(whole[0]), text, sizeof(text)),
		sizeof(wanted) - 1);
	assert_string_equal(text, wanted);
	for (size_t size = 0; size < sizeof(wanted); size++)
		assert_int_equal(metrics_text(&metrics, name_of, whole, sizeof(whole) / sizeof(whole[0]), text, size),
			0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
