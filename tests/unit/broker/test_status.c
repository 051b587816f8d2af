/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Status and Metrics say of the broker and of those around it, one reason at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/broker/broker_calls.h"

static bool warned(struct rig *rig, struct rig_client *client, const char *of)
{
	CekReply *reply = rig_call(rig, client, call_status());
	bool found = false;

	for (size_t i = 0; i < reply->status_reply->n_warning; i++)
		found = found || strstr(reply->status_reply->warning[i], of);
	cek__v1__reply__free_unpacked(reply, NULL);
	return found;
}

static void test_each_memory_that_is_not_locked(void **state)
{
	static const char text[] = "memory for CEKs could not be locked";
	struct rig *rig = *state;
	struct rig_client client;

	rig_start(rig);
	rig_connect(rig, &client);
	rig->broker.turn.arena.locked = rig->broker.turn.buffers.locked = true; /* whatever the limit is here */
	rig->broker.requests.unlocked = rig->broker.server.chunks.unlocked = false;
	assert_false(warned(rig, &client, text));
	rig->broker.turn.arena.locked = false;
	assert_true(warned(rig, &client, text));
	rig->broker.turn.arena.locked = true;
	rig->broker.turn.buffers.locked = false;
	assert_true(warned(rig, &client, text));
	rig->broker.turn.buffers.locked = true;
	rig->broker.requests.unlocked = true;
	assert_true(warned(rig, &client, text));
	rig->broker.requests.unlocked = false;
	rig->broker.server.chunks.unlocked = true;
	assert_true(warned(rig, &client, text));
	rig_close(&client);
}

static void assert_metric(struct rig *rig, struct rig_client *client, const char *metric)
{
	Cek__V1__MetricsRequest metrics = CEK__V1__METRICS_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	char line[64];
	CekReply *reply;

	request.op_case = CEK__V1__REQUEST__OP_METRICS;
	request.metrics = &metrics;
	reply = rig_call(rig, client, &request);
	assert_int_equal(reply->status, STATUS_OK);
	snprintf(line, sizeof(line), "\n%s\n", metric);
	assert_non_null(strstr(reply->metrics->text, line));
	cek__v1__reply__free_unpacked(reply, NULL);
}

static void assert_late(struct rig *rig, struct rig_client *client, unsigned n)
{
	char metric[48];

	snprintf(metric, sizeof(metric), "cekd_late_processes %u", n);
	assert_metric(rig, client, metric);
}

/* Of all workers that have a job. */
static void test_the_oldest_job(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	struct worker *first, *second;
	uint64_t now_us;

	rig_start(rig);
	rig_connect(rig, &client);
	first = list_entry(rig->broker.workers.all.next, struct worker, link);
	second = list_entry(first->link.next, struct worker, link);
	now_us = rig->broker.turn.pulse.now_us;
	first->owed_us = now_us - 3000000;
	second->owed_us = now_us - 2500000;
	assert_metric(rig, &client, "cekd_oldest_job_seconds 0.000");
	second->n_jobs++;
	assert_metric(rig, &client, "cekd_oldest_job_seconds 2.500");
	first->n_jobs++;
	assert_metric(rig, &client, "cekd_oldest_job_seconds 3.000");
	first->n_jobs--;
	second->n_jobs--;
	first->owed_us = second->owed_us = 0;
	rig_close(&client);
}

/* cekd itself, the journal and a worker. */
static void test_each_process_that_is_late(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	struct worker *worker;

	rig_start(rig);
	rig_connect(rig, &client);
	worker = list_entry(rig->broker.workers.all.next, struct worker, link);
	assert_late(rig, &client, 0);
	rig->broker.late.since_us = 1;
	assert_late(rig, &client, 1);
	rig->broker.journal.late.since_us = 1;
	assert_late(rig, &client, 2);
	worker->late.since_us = 1;
	assert_late(rig, &client, 3);
	rig->broker.late.since_us = worker->late.since_us = 0;
	assert_late(rig, &client, 1);
	rig_close(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_memory_that_is_not_locked),
		TEST(test_each_process_that_is_late),
		TEST(test_the_oldest_job),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
