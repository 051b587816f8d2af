/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/wipe.h"
#include "daemon/broker/workers/answers.h"
#include "daemon/broker/workers/job.h"
#include "proto/dgram.h"

enum {
	RECEIVE_MAX = 8,    /* datagrams of one recvmmsg(2) */
	NEWS_ALGS_MAX = 64, /* far more than there are */
};

static void retire_older(struct worker *worker)
{
	struct workers *workers = worker->workers;

	for (struct link *link = workers->all.next, *next; link != &workers->all; link = next) {
		struct worker *other = list_entry(link, struct worker, link);

		next = link->next;
		if (other->manage || other->index != worker->index || other->generation >= worker->generation)
			continue;
		other->leaving = true;
		if (other->n_jobs == 0)
			worker_free(other);
	}
}

static void on_hello(struct worker *worker, const WorkerHello *hello)
{
	struct workers *workers = worker->workers;
	uint8_t *packed;

	packed = malloc(cek__internal__v1__worker_hello__get_packed_size(hello) + 1);
	if (packed)
		worker->hello = cek__internal__v1__worker_hello__unpack(NULL,
			cek__internal__v1__worker_hello__pack(hello, packed), packed);
	free(packed);
	worker->ready = true;
	worker->memory = hello->memory;
	workers->hopeless = false;
	if (worker->manage)
		return;
	workers->away = false;
	retire_older(worker);
	workers->events->ready(workers->owner);
	log_info("worker %u.%u is ready", worker->index, worker->generation);
}

/* Returns false. */
static bool cannot_be(struct worker *worker, const char *what)
{
	char how[SEQUENCE_HOW_MAX];

	(void)sequence_cannot_be(&worker->sequence, what, how);
	return worker_broke_the_rules(worker, how);
}

/* A token can do more than it seemed to. False: the worker broke the rules. */
static bool on_news(struct worker *worker, const Cek__Internal__V1__WorkerNews *news)
{
	struct workers *workers = worker->workers;
	WorkerHello merged, *hello;
	uint8_t *packed;

	if (news->n_alg > NEWS_ALGS_MAX)
		return cannot_be(worker, "news of more algorithms than there are");
	if (!worker->hello)
		return true;
	merged = *worker->hello;
	merged.n_alg = news->n_alg;
	merged.alg = news->alg;
	packed = malloc(cek__internal__v1__worker_hello__get_packed_size(&merged) + 1);
	hello = packed ? cek__internal__v1__worker_hello__unpack(NULL,
				 cek__internal__v1__worker_hello__pack(&merged, packed), packed)
		       : NULL;
	free(packed);
	if (!hello) /* what is known stays */
		return true;
	cek__internal__v1__worker_hello__free_unpacked(worker->hello, NULL);
	worker->hello = hello;
	workers->events->ready(workers->owner);
	log_info("worker %u.%u knows now what the token can do", worker->index, worker->generation);
	return true;
}

/* The answer to the oldest job that was sent, or a part of it. A job that is answered once is not touched: done() may
 * free it or submit it again. False: the worker broke the rules. */
static bool on_result(struct worker *worker, const JobResult *result)
{
	struct workers *workers = worker->workers;
	struct job *job = list_empty(&worker->jobs) ? NULL : list_entry(worker->jobs.next, struct job, link);
	char how[SEQUENCE_HOW_MAX];

	if (!job_sequence_take(job ? &job->sequence : NULL, job ? job->id : 0, result->id, result->more, how))
		return worker_broke_the_rules(worker, how);
	if (result->memory > 0)
		worker->memory = result->memory;
	if (result->replace && !worker->replacing && !worker->manage)
		worker->replacing = workers->events->want(workers->owner, false, worker->index, worker->generation);
	if (result->more) {
		job->done(job, result);
		return true;
	}
	worker->n_jobs--;
	worker->done++;
	job_end(job, result);
	return true;
}

static bool on_results(struct worker *worker, const Cek__Internal__V1__JobResults *results)
{
	for (size_t i = 0; i < results->n_result; i++) {
		if (!on_result(worker, results->result[i]))
			return false;
	}
	return true;
}

/* What may come now. False: it says what may not. */
static bool handle(struct worker *worker, const Cek__Internal__V1__FromWorker *message)
{
	switch (message->what_case) {
	case CEK__INTERNAL__V1__FROM_WORKER__WHAT_HELLO:
		on_hello(worker, message->hello);
		return true;
	case CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULT:
		return on_result(worker, message->result);
	case CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULTS:
		return on_results(worker, message->results);
	case CEK__INTERNAL__V1__FROM_WORKER__WHAT_NEWS:
		return on_news(worker, message->news);
	default: /* the table has no others */
		return true;
	}
}

static bool on_message(struct worker *worker, const uint8_t *data, size_t len)
{
	struct arena *arena = &worker->workers->turn->arena;
	Cek__Internal__V1__FromWorker *message;
	char how[SEQUENCE_HOW_MAX];
	bool ok;

	worker->heard_us = worker->workers->turn->pulse.now_us;
	worker->owed_us = 0; /* what it does next begins now */
	message = cek__internal__v1__from_worker__unpack(arena_allocator(arena), len, data);
	if ((message ? sequence_take(&worker->sequence, message->what_case, 0, how)
		     : sequence_no_message(&worker->sequence, how)) == SEQUENCE_FITS)
		ok = handle(worker, message);
	else
		ok = worker_broke_the_rules(worker, how);
	arena_reset(arena);
	return ok;
}

/* What one recvmmsg(2) brought. */
struct received {
	struct mmsghdr messages[RECEIVE_MAX];
	struct iovec iov[RECEIVE_MAX];
	unsigned asked;
	int n;
};

/* Results of a use worker are small, and several wait while it works on: then they share the buffer for datagrams. */
static int receive(struct worker *worker, struct received *ret_received)
{
	uint8_t *buffer = worker->workers->turn->datagram;
	uint32_t expected = worker->n_jobs - worker->unsent;
	unsigned n = worker->manage || expected < 2 ? 1 : expected < RECEIVE_MAX ? expected : RECEIVE_MAX;
	size_t size = DGRAM_MAX / n;

	for (unsigned i = 0; i < n; i++) {
		ret_received->iov[i] = (struct iovec){.iov_base = buffer + i * size, .iov_len = size};
		ret_received->messages[i] = (struct mmsghdr){
			.msg_hdr = {.msg_iov = &ret_received->iov[i], .msg_iovlen = 1}};
	}
	ret_received->asked = n;
	ret_received->n = recvmmsg(worker->fd, ret_received->messages, n, MSG_DONTWAIT, NULL);
	return ret_received->n < 0 ? -errno : ret_received->n;
}

/* False: the worker has ended, or is to end because of what it sent. */
static bool take(struct worker *worker, struct received *received)
{
	bool ok = true;

	for (int i = 0; i < received->n; i++) {
		const struct mmsghdr *message = &received->messages[i];
		uint8_t *data = received->iov[i].iov_base;

		if (ok && (message->msg_hdr.msg_flags & MSG_TRUNC)) /* told once */
			ok = cannot_be(worker, "more than it was asked for");
		ok = ok && message->msg_len > 0 && on_message(worker, data, message->msg_len);
		wipe(data, message->msg_len);
	}
	return ok;
}

void answers_read(struct worker *worker)
{
	struct received received;

	for (int i = 0; i < 64 / RECEIVE_MAX; i++) { /* then the others have their turn */
		int n = receive(worker, &received);

		if (n == -EAGAIN || n == -EINTR)
			return;
		if (n == -ECONNRESET) /* told once, and before the results that came earlier */
			continue;
		if (n <= 0 || !take(worker, &received)) {
			worker_lost(worker);
			return;
		}
		if (worker->leaving && worker->n_jobs == 0) {
			worker_free(worker);
			return;
		}
		/* No more was there, or nothing more can come but the end, which shows the next time. */
		if ((unsigned)received.n < received.asked || worker->n_jobs == worker->unsent)
			return;
	}
}
