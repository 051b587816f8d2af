/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers that have been taken over, against the broker's room for them alone: they get jobs, are started, killed and
 * replaced, and say what the script says. Whatever they do, each job ends exactly once, and only one that may be is
 * answered in parts. (fuzz_worker has the whole broker around it, and is a thousand times slower.)
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/broker/workers/answers.h"
#include "daemon/broker/workers/jobs.h"
#include "daemon/broker/workers/patience.h"
#include "daemon/broker/workers/workers.h"
#include "proto/dgram.h"
#include "tests/fuzz/script.h"

enum { INPUT_MAX = 1024, JOBS_MAX = 24, LIARS = 3, MANAGE = 2 };

struct task {
	struct job job;
	uint8_t packed[32];
	bool open; /* done() is owed */
	bool again;
};

static struct turn turn;
static struct workers workers;
static struct script script;
static struct task tasks[JOBS_MAX];
static size_t n_tasks;
static int liars[LIARS], page;
static uint32_t generation;

static const uint8_t operations[] = {CEK__INTERNAL__V1__JOB__OP_UNWRAP, CEK__INTERNAL__V1__JOB__OP_WRAP,
	CEK__INTERNAL__V1__JOB__OP_GENERATE, CEK__INTERNAL__V1__JOB__OP_INVENTORY};

static bool on_want(void *owner, bool manage, uint32_t index, uint32_t of)
{
	(void)owner;
	(void)manage;
	(void)index;
	(void)of;
	return script_next(&script) & 1;
}

static bool on_end(void *owner, const struct worker *worker, const char *how, bool hung)
{
	(void)owner;
	(void)hung;
	if (worker->workers != &workers || strlen(how) == 0)
		abort();
	return script_next(&script) & 1;
}

static void on_ready(void *owner)
{
	(void)owner;
}

static const struct workers_events events = {.want = on_want, .end = on_end, .ready = on_ready};

static void submit(struct task *task);

static void on_done(struct job *job, const JobResult *result)
{
	struct task *task = list_entry(job, struct task, job);

	if (!task->open || (result && result->id != job->id))
		abort();
	if (result && result->more) {
		if (job->sequence.op != CEK__INTERNAL__V1__JOB__OP_INVENTORY)
			abort();
		return;
	}
	task->open = false;
	if (task->again && result) { /* as an unwrap without kid is given out for the next version */
		task->again = false;
		submit(task);
	}
}

static void submit(struct task *task)
{
	const bool manage = task->job.sequence.op >= CEK__INTERNAL__V1__JOB__OP_GENERATE;

	task->open = (manage ? workers_manage : workers_submit)(&workers, &task->job) == 0;
}

static void begin_job(void)
{
	Job message = CEK__INTERNAL__V1__JOB__INIT;
	struct task *task = &tasks[n_tasks];
	const uint8_t what = script_next(&script);

	if (n_tasks == JOBS_MAX)
		return;
	n_tasks++;
	message.id = workers_job_id(&workers);
	script_know(&script, message.id);
	task->job = (struct job){.id = message.id,
		.packed = task->packed,
		.sequence.op = operations[what % sizeof(operations)],
		.done = on_done};
	task->job.len = cek__internal__v1__job__pack(&message, task->packed);
	task->again = what & 0x80;
	submit(task);
}

static void drop_reader(int liar)
{
	if (liars[liar] >= 0)
		close(liars[liar]);
	liars[liar] = -1;
}

static void start(int liar)
{
	Cek__Internal__V1__WorkerUp up = CEK__INTERNAL__V1__WORKER_UP__INIT;
	int pair[2];

	drop_reader(liar);
	if (dgram_pair(pair) < 0)
		abort();
	up.manage = liar == MANAGE;
	up.index = script_next(&script) & 1;
	up.generation = ++generation;
	liars[liar] = pair[0];
	if (workers_up(&workers, pair[1], page, &up) < 0)
		abort();
}

static void gone(void)
{
	Cek__Internal__V1__WorkerGone message = CEK__INTERNAL__V1__WORKER_GONE__INIT;
	const uint8_t what = script_next(&script);

	message.manage = what & 1;
	message.absent = what & 2;
	message.hopeless = (what & 0xfc) == 0xfc;
	message.generation = generation;
	workers_gone(&workers, &message);
}

static void act(uint8_t what)
{
	const int liar = (what >> 3) % LIARS;

	switch (what & 7) {
	case 0:
		begin_job();
		break;
	case 1:
		start(liar);
		break;
	case 2:
		drop_reader(liar);
		break;
	case 3:
		workers_forget(&workers, (const uint8_t *)"0123456789abcdef", 16);
		script_know(&script, workers.next_id);
		break;
	case 4:
		if (what & 0x80)
			gone();
		else
			patience_judge(&workers);
		break;
	default: /* FromWorker has 1 to 4 */
		if (liars[liar] >= 0)
			(void)script_send(&script, liars[liar], &cek__internal__v1__from_worker__descriptor,
				script_next(&script) % 6, 0);
		break;
	}
	workers_flush(&workers);
	turn_handle(&turn, false);
	workers_flush(&workers);
}

static void end(void)
{
	workers_deinit(&workers);
	for (size_t i = 0; i < n_tasks; i++) {
		if (tasks[i].open)
			abort();
	}
	for (int i = 0; i < LIARS; i++)
		drop_reader(i);
	if (turn.arena.used > 0)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const Limits none = CEK__INTERNAL__V1__LIMITS__INIT;

	(void)argc;
	(void)argv;
	page = executing_create();
	if (page < 0 || turn_init(&turn) < 0)
		abort();
	turn_set_limits(&turn, &none);
	pulse_init(&turn.pulse, 10, turn.now);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > INPUT_MAX)
		return 0;
	script = (struct script){.at = data, .left = size};
	memset(tasks, 0, sizeof(tasks));
	n_tasks = 0;
	generation = 0;
	for (int i = 0; i < LIARS; i++)
		liars[i] = -1;
	workers_init(&workers, &turn, &events, NULL);
	while (script.left > 0)
		act(script_next(&script));
	end();
	return 0;
}
