/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs and workers alone: the other end of a worker's pair is in the test's hand, and what the workers tell is counted.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/broker/workers/jobs.h"
#include "daemon/broker/workers/patience.h"
#include "daemon/broker/workers/workers.h"
#include "daemon/shared/executing.h"
#include "proto/dgram.h"

typedef Cek__Internal__V1__FromWorker FromWorker;
typedef Cek__Internal__V1__ToWorker ToWorker;

struct test {
	struct turn turn;
	struct workers workers;
	int far;                     /* the worker's end of the pair of the last one that came up */
	struct executing *executing; /* its page */
	unsigned wanted, wanted_manage, ended, hung, ready;
	bool refuses; /* cekd takes no message */
};

struct task {
	struct job job;
	uint8_t packed[64];
	unsigned answers, lost;
};

static bool on_want(void *owner, bool manage, uint32_t index, uint32_t generation)
{
	struct test *test = owner;

	*(manage ? &test->wanted_manage : &test->wanted) += 1;
	return true;
}

static bool on_end(void *owner, const struct worker *worker, const char *how, bool hung)
{
	struct test *test = owner;

	test->hung += hung;
	test->ended++;
	return !test->refuses;
}

static void on_ready(void *owner)
{
	((struct test *)owner)->ready++;
}

static const struct workers_events events = {.want = on_want, .end = on_end, .ready = on_ready};

static int setup(void **state)
{
	struct test *test = calloc(1, sizeof(*test));
	Limits limits = CEK__INTERNAL__V1__LIMITS__INIT;

	limits.queue = 3;
	limits.queue_per_worker = 2;
	if (!test || turn_init(&test->turn) < 0)
		return -1;
	turn_set_limits(&test->turn, &limits);
	workers_init(&test->workers, &test->turn, &events, test);
	test->far = -1;
	*state = test;
	return 0;
}

static void leave(struct test *test)
{
	if (test->far >= 0)
		close(test->far);
	executing_unmap(test->executing);
	test->far = -1;
	test->executing = NULL;
}

static int teardown(void **state)
{
	struct test *test = *state;

	workers_deinit(&test->workers);
	turn_deinit(&test->turn);
	leave(test);
	free(test);
	return 0;
}

static void turn(struct test *test)
{
	workers_flush(&test->workers);
	turn_handle(&test->turn, false);
	turn_timers(&test->turn);
	workers_flush(&test->workers);
}

static void say(struct test *test, const FromWorker *message)
{
	assert_int_equal(dgram_send(test->far, &message->base, NULL, 0), 0);
	turn(test);
}

static void say_hello(struct test *test)
{
	Cek__Internal__V1__WorkerHello hello = CEK__INTERNAL__V1__WORKER_HELLO__INIT;
	FromWorker message = CEK__INTERNAL__V1__FROM_WORKER__INIT;

	message.what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_HELLO;
	message.hello = &hello;
	say(test, &message);
}

static void answer(struct test *test, uint64_t id)
{
	JobResult result = CEK__INTERNAL__V1__JOB_RESULT__INIT;
	FromWorker message = CEK__INTERNAL__V1__FROM_WORKER__INIT;

	result.id = id;
	result.outcome = CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK;
	message.what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULT;
	message.result = &result;
	say(test, &message);
}

static void come_up(struct test *test, bool manage)
{
	Cek__Internal__V1__WorkerUp up = CEK__INTERNAL__V1__WORKER_UP__INIT;
	int pair[2], page = executing_create();

	leave(test);
	assert_true(page >= 0);
	assert_int_equal(dgram_pair(pair), 0);
	test->far = pair[0];
	test->executing = executing_map(page);
	up.manage = manage;
	up.generation = 1;
	assert_int_equal(workers_up(&test->workers, pair[1], page, &up), 0);
	close(page);
}

/* Ids of the jobs that have come to the worker; how many. */
static size_t take(struct test *test, uint64_t ids[8])
{
	static uint8_t data[DGRAM_MAX];
	size_t n = 0;
	ssize_t len;

	while ((len = recv(test->far, data, sizeof(data), MSG_DONTWAIT)) > 0) {
		ToWorker *message = cek__internal__v1__to_worker__unpack(NULL, (size_t)len, data);

		assert_non_null(message);
		for (size_t i = 0; i < message->n_job && n < 8; i++)
			ids[n++] = message->job[i]->id;
		cek__internal__v1__to_worker__free_unpacked(message, NULL);
	}
	return n;
}

static void on_done(struct job *job, const JobResult *result)
{
	struct task *task = list_entry(job, struct task, job);

	*(result ? &task->answers : &task->lost) += 1;
}

static void prepare(struct test *test, struct task *task)
{
	Job message = CEK__INTERNAL__V1__JOB__INIT;

	*task = (struct task){.job.done = on_done, .job.packed = task->packed};
	task->job.id = message.id = workers_job_id(&test->workers);
	task->job.len = cek__internal__v1__job__pack(&message, task->packed);
}

static void test_jobs_are_answered_in_their_order(void **state)
{
	struct test *test = *state;
	struct task tasks[3];
	uint64_t ids[8];

	come_up(test, false);
	assert_false(workers_ready(&test->workers));
	say_hello(test);
	assert_true(workers_ready(&test->workers));
	assert_int_equal(test->ready, 1);
	for (int i = 0; i < 3; i++) {
		prepare(test, &tasks[i]);
		assert_int_equal(workers_submit(&test->workers, &tasks[i].job), 0);
	}
	turn(test);
	assert_int_equal(take(test, ids), 2); /* queue_per_worker */
	assert_int_equal(ids[0], tasks[0].job.id);
	answer(test, ids[0]);
	answer(test, ids[1]);
	assert_int_equal(take(test, ids), 1);
	answer(test, ids[0]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(tasks[i].answers, 1);
	assert_true(workers_idle(&test->workers));
}

static void test_a_full_queue_and_a_job_taken_back(void **state)
{
	struct test *test = *state;
	struct task tasks[4];

	for (int i = 0; i < 4; i++) {
		prepare(test, &tasks[i]);
		assert_int_equal(workers_submit(&test->workers, &tasks[i].job), i < 3 ? 0 : -ENOBUFS);
	}
	assert_true(job_cancel(&tasks[1].job));
	assert_false(job_cancel(&tasks[1].job));
	assert_int_equal(workers_submit(&test->workers, &tasks[3].job), 0);
	workers_deinit(&test->workers); /* each is answered, but for the one that was taken back */
	for (int i = 0; i < 4; i++)
		assert_int_equal(tasks[i].lost, i != 1);
}

static void test_only_the_job_under_way_dies_with_its_worker(void **state)
{
	struct test *test = *state;
	struct task tasks[2];
	uint64_t ids[8];

	come_up(test, false);
	say_hello(test);
	for (int i = 0; i < 2; i++) {
		prepare(test, &tasks[i]);
		assert_int_equal(workers_submit(&test->workers, &tasks[i].job), 0);
	}
	turn(test);
	test->executing->job = tasks[0].job.id;
	leave(test);
	turn(test);
	assert_int_equal(tasks[0].lost, 1);
	assert_int_equal(tasks[1].lost, 0);
	come_up(test, false);
	say_hello(test);
	assert_int_equal(take(test, ids), 1);
	answer(test, ids[0]);
	assert_int_equal(tasks[1].answers, 1);
}

static void test_who_breaks_the_rules_is_ended(void **state)
{
	struct test *test = *state;
	struct task task;

	come_up(test, false);
	say_hello(test);
	prepare(test, &task);
	assert_int_equal(workers_submit(&test->workers, &task.job), 0);
	turn(test);
	answer(test, task.job.id + 1);
	assert_int_equal(test->ended, 1);
	assert_int_equal(task.answers + task.lost, 0); /* another worker gets it */
	assert_int_equal(test->workers.queue.n, 1);
	assert_true(job_cancel(&task.job));
}

static void test_the_manage_worker_is_asked_for_once(void **state)
{
	struct test *test = *state;
	struct task task;
	uint64_t ids[8];

	prepare(test, &task);
	assert_int_equal(workers_manage(&test->workers, &task.job), 0);
	turn(test);
	turn(test);
	assert_int_equal(test->wanted_manage, 1);
	assert_int_equal(test->wanted, 0);
	come_up(test, true);
	say_hello(test);
	assert_false(workers_ready(&test->workers)); /* it uses no keys */
	assert_int_equal(take(test, ids), 1);
	answer(test, ids[0]);
	assert_int_equal(task.answers, 1);
}

static void test_there_will_be_no_worker(void **state)
{
	Cek__Internal__V1__WorkerGone gone = CEK__INTERNAL__V1__WORKER_GONE__INIT;
	struct test *test = *state;
	struct task use, manage;
	uint64_t ids[8];
	char why[] = "wrong PIN";

	prepare(test, &use);
	prepare(test, &manage);
	assert_int_equal(workers_submit(&test->workers, &use.job), 0);
	assert_int_equal(workers_manage(&test->workers, &manage.job), 0);
	gone.why = why;
	gone.hopeless = true;
	workers_gone(&test->workers, &gone);
	assert_int_equal(use.lost, 1);
	assert_int_equal(manage.lost, 1);
	assert_int_equal(workers_submit(&test->workers, &use.job), -ENETDOWN);
	assert_string_equal(test->workers.why, why);
	assert_int_equal(workers_manage(&test->workers, &manage.job), 0); /* cekd knows better by now, perhaps */
	turn(test);
	assert_int_equal(test->wanted_manage, 1);
	gone.manage = true;
	workers_gone(&test->workers, &gone);
	assert_int_equal(manage.lost, 2);
	assert_false(manage.job.given);
	assert_int_equal(workers_manage(&test->workers, &manage.job), 0);
	turn(test);
	assert_int_equal(test->wanted_manage, 2);
	come_up(test, true);
	say_hello(test);
	assert_int_equal(take(test, ids), 1);
	answer(test, ids[0]);
	assert_int_equal(manage.answers, 1);
	assert_false(test->workers.hopeless);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* So many periods of the pulse go by. */
static void beat(struct test *test, unsigned periods)
{
	for (unsigned i = 0; i < periods; i++) {
		pulse_beat(&test->turn.pulse, test->turn.pulse.looked_us + test->turn.pulse.period_us);
		patience_judge(&test->workers);
	}
}

/* EAGAIN: the job waits for room in the pair, and goes out once. */
static void test_a_worker_whose_pair_is_full(void **state)
{
	static uint8_t filler[4096];
	struct test *test = *state;
	struct worker *worker;
	struct task task;
	uint64_t ids[8];

	come_up(test, false);
	say_hello(test);
	worker = list_entry(test->workers.all.next, struct worker, link);
	while (send(worker->fd, filler, sizeof(filler), MSG_DONTWAIT) > 0)
		continue;
	assert_int_equal(errno, EAGAIN);
	prepare(test, &task);
	assert_int_equal(workers_submit(&test->workers, &task.job), 0);
	turn(test);
	turn(test);
	assert_int_equal(worker->unsent, 1);
	assert_true(event_pending(&worker->writable, EV_WRITE, NULL));
	while (recv(test->far, filler, sizeof(filler), MSG_DONTWAIT) > 0)
		continue;
	turn(test);
	assert_int_equal(worker->unsent, 0);
	assert_int_equal(take(test, ids), 1);
	assert_int_equal(ids[0], task.job.id);
	turn(test);
	assert_int_equal(take(test, ids), 0);
	answer(test, task.job.id);
	assert_int_equal(task.answers, 1);
}

/* Eight periods of a second; a call may take ten. */
static struct worker *serving(struct test *test)
{
	pulse_init(&test->turn.pulse, 8, 0);
	test->workers.call_seconds = 10;
	come_up(test, false);
	say_hello(test);
	return list_entry(test->workers.all.next, struct worker, link);
}

/* What it has not begun, another one gets. */
static void test_a_worker_that_does_not_begin(void **state)
{
	struct test *test = *state;
	struct task tasks[2];
	struct worker *worker = serving(test);

	beat(test, 100);
	assert_int_equal(test->ended, 0);
	prepare(test, &tasks[0]);
	prepare(test, &tasks[1]);
	assert_int_equal(workers_submit(&test->workers, &tasks[0].job), 0);
	turn(test);
	beat(test, 2);
	assert_null(patience_lost_with(&test->workers));
	beat(test, 1);
	assert_ptr_equal(patience_lost_with(&test->workers), worker);
	assert_int_equal(workers_submit(&test->workers, &tasks[1].job), 0);
	turn(test);
	assert_int_equal(worker->n_jobs, 1); /* it gets no more */
	beat(test, 5);
	assert_int_equal(test->hung, 0);
	test->refuses = true;
	beat(test, 2);
	assert_int_equal(test->hung, 2);
	test->refuses = false;
	beat(test, 1);
	assert_int_equal(test->hung, 3);
	assert_int_equal(tasks[0].answers + tasks[1].answers, 0);
	assert_int_equal(test->workers.queue.n, 2);
	assert_true(list_empty(&test->workers.all));
	workers_deinit(&test->workers);
	assert_int_equal(tasks[0].lost + tasks[1].lost, 2);
}

/* The token's time is its own, but for what it says too much; and each step begins the time anew. */
static void test_a_worker_inside_a_call(void **state)
{
	struct test *test = *state;
	struct task task;

	serving(test);
	prepare(test, &task);
	assert_int_equal(workers_submit(&test->workers, &task.job), 0);
	turn(test);
	beat(test, 6);
	test->executing->job = task.job.id;
	test->executing->allowed_us = 10000000;
	beat(test, 18);
	assert_int_equal(test->hung, 0);
	test->executing->allowed_us = UINT64_MAX; /* a liar */
	beat(test, 108);
	assert_int_equal(test->hung, 0);
	beat(test, 1);
	assert_int_equal(test->hung, 1);
	assert_int_equal(task.lost, 1);
	assert_int_equal(test->workers.stuck.pid, 0);
}

/* What becomes of it cekd decides; the job is the one that it was executing. */
static void test_a_worker_inside_a_login(void **state)
{
	struct test *test = *state;
	Cek__Internal__V1__WorkerGone gone = CEK__INTERNAL__V1__WORKER_GONE__INIT;
	struct task task;

	serving(test)->pid = 9;
	prepare(test, &task);
	assert_int_equal(workers_submit(&test->workers, &task.job), 0);
	turn(test);
	test->executing->job = task.job.id;
	test->executing->login = 1;
	beat(test, 9);
	assert_int_equal(test->hung, 1);
	assert_int_equal(task.lost, 1);
	assert_int_equal(test->workers.stuck.pid, 9);
	gone.generation = 1;
	gone.why = (char *)"killed";
	workers_gone(&test->workers, &gone);
	assert_int_equal(test->workers.stuck.pid, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_jobs_are_answered_in_their_order),
		TEST(test_a_full_queue_and_a_job_taken_back),
		TEST(test_only_the_job_under_way_dies_with_its_worker),
		TEST(test_who_breaks_the_rules_is_ended),
		TEST(test_the_manage_worker_is_asked_for_once),
		TEST(test_there_will_be_no_worker),
		TEST(test_a_worker_whose_pair_is_full),
		TEST(test_a_worker_that_does_not_begin),
		TEST(test_a_worker_inside_a_call),
		TEST(test_a_worker_inside_a_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
