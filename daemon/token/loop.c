/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/token/hang.h"
#include "daemon/token/manage/jobs.h"
#include "daemon/token/news.h"
#include "daemon/token/packed.h"
#include "daemon/token/probe/judge.h"
#include "daemon/token/probe/probe.h"
#include "daemon/token/results.h"
#include "daemon/token/run.h"
#include "proto/dgram.h"

enum {
	BATCH = 8,                  /* datagrams taken at once */
	MANAGE_IDLE_MS = 60000,     /* then the manage worker ends */
	TRANSPORT_IDLE_MS = 300000, /* the same while a transport key is open: it would die */
	HOLD_US = 200,              /* a result waits so long for those of the jobs in hand, if they take as long */
	HOLD_BUSY_US = 4000,        /* the same while so many jobs are in hand: */
	BUSY = 3,
	HOLD_MAX = 8,         /* results, of 16 jobs: the broker is to send more meanwhile */
	MEASURE_EVERY = 4096, /* jobs */
};

struct batch {
	struct arena arena; /* locked: a wrap job carries its CEK */
	struct mmsghdr header[BATCH];
	struct iovec iov[BATCH];
	unsigned n;
	size_t size;
	struct results results;
	unsigned in_hand; /* jobs */
	uint64_t now_us;  /* when the last of them was done */
	struct {          /* that one, if it was an unwrap */
		char alg[32];
		size_t encrypted_key_len, epk_len;
	} last;
};

uint64_t loop_memory(const struct loop *loop)
{
	char text[128];
	unsigned long total, resident;
	ssize_t n = loop->statm < 0 ? -1 : pread(loop->statm, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (sscanf(text, "%lu %lu", &total, &resident) != 2)
		return 0;
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int batch_init(struct batch *batch, int fd, bool manage)
{
	int r;

	memset(batch, 0, sizeof(*batch));
	batch->n = manage ? 1 : BATCH;
	batch->size = manage ? DGRAM_MAX : DGRAM_JOBS_MAX;
	r = arena_init(&batch->arena, batch->n * batch->size + RESULTS_ROOM);
	if (r < 0)
		return log_origin(r);
	for (unsigned i = 0; i < batch->n; i++) {
		batch->iov[i].iov_base = arena_alloc(&batch->arena, batch->size);
		batch->iov[i].iov_len = batch->size;
		batch->header[i].msg_hdr.msg_iov = &batch->iov[i];
		batch->header[i].msg_hdr.msg_iovlen = 1;
	}
	return results_init(&batch->results, &batch->arena, fd);
}

static int send_result(struct loop *loop, Cek__Internal__V1__JobResult *result)
{
	Cek__Internal__V1__FromWorker message = CEK__INTERNAL__V1__FROM_WORKER__INIT;
	int r;

	message.what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULT;
	message.result = result;
	r = dgram_send(loop->jobs, &message.base, NULL, 0);
	return r < 0 && r != -EPIPE ? log_origin(r) : r;
}

/* Of a job that has several results; they have its id. */
static int send_more(void *context, Cek__Internal__V1__JobResult *result)
{
	return send_result(context, result);
}

static void measure(struct loop *loop, Cek__Internal__V1__JobResult *result)
{
	static unsigned jobs;

	if (++jobs % MEASURE_EVERY != 0)
		return;
	result->memory = loop_memory(loop);
	result->replace = loop->memory_limit > 0 && result->memory > loop->memory_limit;
}

/* Whether it is an unwrap that takes as long as the last one. */
static bool alike(struct batch *batch, const Cek__Internal__V1__Job *job)
{
	const Cek__Internal__V1__UnwrapJob *unwrap = job->op_case == CEK__INTERNAL__V1__JOB__OP_UNWRAP ? job->unwrap
												       : NULL;
	const size_t encrypted_key_len = unwrap ? unwrap->encrypted_key.len : 0;
	const size_t epk_len = unwrap && unwrap->params && unwrap->params->epk ? unwrap->params->epk->x.len : 0;
	const bool same = unwrap && strcmp(unwrap->alg, batch->last.alg) == 0 &&
		encrypted_key_len == batch->last.encrypted_key_len && epk_len == batch->last.epk_len;

	if (same)
		return true;
	snprintf(batch->last.alg, sizeof(batch->last.alg), "%s", unwrap ? unwrap->alg : "");
	batch->last.encrypted_key_len = encrypted_key_len;
	batch->last.epk_len = epk_len;
	return false;
}

/* The arena is empty, and the broker has what it waits for. */
static int tell_news(struct loop *loop, struct worker *worker)
{
	if (!worker->token.facts.changed)
		return 0;
	worker->token.facts.changed = false;
	return news_send(loop->jobs, &worker->token);
}

/* Nothing to do: time to try what the token did not clearly refuse. */
static int try_again(struct loop *loop, struct worker *worker)
{
	hang_enter(HANG_PROBE_TIMES);
	probe_again(worker);
	hang_leave();
	return worker->ending ? 1 : tell_news(loop, worker);
}

static int answer(struct loop *loop, struct worker *worker, struct batch *batch, const uint8_t *data, size_t len)
{
	Cek__Internal__V1__JobResult result = CEK__INTERNAL__V1__JOB_RESULT__INIT;
	Cek__Internal__V1__Job *job;
	int r = 0;

	/* Before anything that it could be the end of, its decoding included. */
	loop->executing->job = packed_id(data, len);
	job = cek__internal__v1__job__unpack(arena_allocator(&worker->token.arena), len, data);
	r = hear_job(&loop->hear, job, loop->executing->job);
	if (r < 0) {
		arena_reset(&worker->token.arena);
		return r;
	}
	result.id = job->id;
	result.outcome = OUTCOME(UNSUPPORTED);
	/* Results do not wait for what may take much longer than they did. */
	if (!alike(batch, job))
		r = results_flush(&batch->results);
	if (r < 0) {
		arena_reset(&worker->token.arena);
		return r;
	}
	hang_enter(1);
	worker->keys.now_us = batch->now_us;
	r = run_job(worker, loop->manage, job, send_more, loop, &result);
	hang_leave();
	batch->now_us = clock_monotonic_us();
	measure(loop, &result);
	if (r == 0 && job->op_case == CEK__INTERNAL__V1__JOB__OP_UNWRAP)
		r = results_add(&batch->results, &result, batch->now_us);
	else if (r == 0)
		r = send_result(loop, &result);
	arena_reset(&worker->token.arena);
	return r == 0 ? tell_news(loop, worker) : r;
}

/* 1 when there are jobs. When the parent has said Drain or is gone, or a manage worker was idle for long, close the way
 * in: what is in the socket is still answered, then the loop reads the end. */
static int wait_for_jobs(struct loop *loop, struct worker *worker)
{
	struct pollfd fds[] = {{loop->jobs, POLLIN, 0}, {loop->control, POLLIN, 0}};
	const uint64_t again_us = loop->manage ? UINT64_MAX : facts_wait_us(&worker->token.facts);
	const int timeout = again_us < UINT64_MAX ? (int)(again_us / 1000 + 1)
		: !loop->manage                   ? -1
		: manage_transport_open()         ? TRANSPORT_IDLE_MS
						  : MANAGE_IDLE_MS;
	int n;

	if (loop->pin.drained) { /* what said so was read */
		shutdown(loop->jobs, SHUT_RD);
		loop->control = -1;
		loop->pin.drained = false;
		return 0;
	}
	n = poll(fds, 2, timeout);
	if (n < 0)
		return errno == EINTR ? 0 : log_origin(-errno);
	if (n == 0 && !loop->manage)
		return try_again(loop, worker);
	if (fds[1].revents && hear_cekd(&loop->hear, loop->control))
		loop->control = -1;
	if (n == 0 || loop->control < 0)
		shutdown(loop->jobs, SHUT_RD);
	return 0;
}

/* Whether the results may wait for the next one: a little while if there is another job in hand, longer if there are so
 * many that whoever waits for the last of them waits longer anyway. The next job takes as long as this one did. */
static bool may_wait(const struct batch *batch, uint64_t took_us)
{
	const uint64_t most = batch->in_hand >= BUSY ? HOLD_BUSY_US : HOLD_US;

	return batch->in_hand > 0 && batch->results.n < HOLD_MAX &&
		results_wait_us(&batch->results, batch->now_us, took_us) <= most;
}

/* The jobs of one datagram. */
static int answer_datagram(struct loop *loop, struct worker *worker, struct batch *batch, struct packed jobs)
{
	const uint8_t *job;
	size_t len;
	int r = 0;

	while (r == 0 && !worker->ending && packed_next(&jobs, &job, &len)) {
		const uint64_t began = batch->now_us;

		r = answer(loop, worker, batch, job, len);
		batch->in_hand--;
		if (r == 0 && (worker->ending || !may_wait(batch, batch->now_us - began)))
			r = results_flush(&batch->results);
	}
	return r < 0 || worker->ending || jobs.len == 0 ? r : hear_job(&loop->hear, NULL, 0);
}

static int answer_batch(struct loop *loop, struct worker *worker, struct batch *batch, unsigned n)
{
	int r = 0;

	batch->in_hand = 0;
	batch->now_us = clock_monotonic_us();
	for (unsigned i = 0; i < n; i++)
		batch->in_hand += packed_count((struct packed){batch->iov[i].iov_base, batch->header[i].msg_len});
	for (unsigned i = 0; r == 0 && !worker->ending && i < n; i++) {
		const struct packed jobs = {batch->iov[i].iov_base, batch->header[i].msg_len};

		if (jobs.len == 0)
			return 1;
		if (batch->header[i].msg_hdr.msg_flags & MSG_TRUNC)
			return hear_job(&loop->hear, NULL, 0);
		r = answer_datagram(loop, worker, batch, jobs);
		wipe(batch->iov[i].iov_base, batch->header[i].msg_len);
	}
	return r == 0 && worker->ending ? 1 : r;
}

int loop_run(struct loop *loop, struct worker *worker)
{
	struct batch batch;
	int r = batch_init(&batch, loop->jobs, loop->manage);

	while (r == 0) {
		int n = recvmmsg(loop->jobs, batch.header, batch.n, MSG_DONTWAIT, NULL);

		if (n > 0)
			r = answer_batch(loop, worker, &batch, (unsigned)n);
		else if (n == 0)
			r = 1;
		else if (errno == EAGAIN)
			r = wait_for_jobs(loop, worker);
		else if (errno == ECONNRESET)
			r = 1;
		else if (errno != EINTR)
			r = log_origin(-errno);
	}
	if (r == -EBADMSG) /* what was done before counts */
		results_flush(&batch.results);
	arena_deinit(&batch.arena);
	return r < 0 && r != -EPIPE ? r : 0;
}
