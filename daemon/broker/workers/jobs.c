/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "daemon/broker/workers/jobs.h"
#include "proto/dgram.h"
#include "proto/fields.h"
#include "proto/put.h"

enum {
	SEND_MAX = 16, /* jobs in one datagram */
	JOB_HEAD_MAX = PUT_FIELD_MAX,
};

uint64_t workers_job_id(struct workers *workers)
{
	return ++workers->next_id;
}

/* That logins were stopped is no answer: when an operator has acted, cekd knows, and nobody else may have to log in. */
int workers_manage(struct workers *workers, struct job *job)
{
	if (workers->manage_queue.n >= MANAGE_QUEUE_MAX)
		return -ENOBUFS;
	job_enqueue(job, &workers->manage_queue);
	return 0;
}

int workers_submit(struct workers *workers, struct job *job)
{
	if (workers->queue.n >= workers->turn->limits.queue)
		return -ENOBUFS;
	if (workers_unavailable(workers))
		return -ENETDOWN;
	job_enqueue(job, &workers->queue);
	return 0;
}

struct forget {
	struct job job;
	uint8_t packed[128];
};

static void on_forgotten(struct job *job, const JobResult *result)
{
	free(list_entry(job, struct forget, job));
}

/* These jobs are in nobody's way: they go to each worker beside its limit. One that has not said hello holds no KEK. */
void workers_forget(struct workers *workers, const uint8_t *cka_id, size_t len)
{
	Cek__Internal__V1__ForgetJob forget_job = CEK__INTERNAL__V1__FORGET_JOB__INIT;
	Job message = CEK__INTERNAL__V1__JOB__INIT;

	forget_job.cka_id = (ProtobufCBinaryData){.data = (uint8_t *)cka_id, .len = len};
	message.op_case = CEK__INTERNAL__V1__JOB__OP_FORGET;
	message.forget = &forget_job;
	for (struct link *link = workers->all.next; link != &workers->all; link = link->next) {
		struct worker *worker = list_entry(link, struct worker, link);
		struct forget *forget = worker->manage || !worker->ready ? NULL : calloc(1, sizeof(*forget));

		if (!forget)
			continue;
		message.id = forget->job.id = ++workers->next_id;
		forget->job.packed = forget->packed;
		forget->job.len = cek__internal__v1__job__pack(&message, forget->packed);
		forget->job.sequence.op = CEK__INTERNAL__V1__JOB__OP_FORGET;
		forget->job.queued = true;
		forget->job.done = on_forgotten;
		list_append(&worker->jobs, &forget->job.link);
		worker->n_jobs++;
		worker->unsent++;
	}
}

static struct worker *free_worker(struct workers *workers)
{
	struct worker *best = NULL;

	for (struct link *link = workers->all.next; link != &workers->all; link = link->next) {
		struct worker *worker = list_entry(link, struct worker, link);

		if (!worker->ready || worker->manage || worker->leaving || worker->late.since_us != 0 ||
			worker->n_jobs >= workers->turn->limits.queue_per_worker)
			continue;
		if (!best || worker->n_jobs < best->n_jobs)
			best = worker;
	}
	return best;
}

static void give(struct worker *worker, struct job *job)
{
	job->given = true;
	list_append(&worker->jobs, &job->link);
	worker->n_jobs++;
	worker->unsent++;
}

/* The first n of the unsent jobs have gone. */
static void given(struct worker *worker, unsigned n)
{
	struct link *link = &worker->jobs;

	for (uint32_t i = 0; i < worker->unsent; i++)
		link = link->prev;
	worker->unsent -= n;
	for (; n > 0; n--, link = link->next)
		list_entry(link, struct job, link)->sequence.state = JOB_GIVEN;
}

/* Send the unsent jobs of the worker, the last ones of its list, as many as one datagram (ToWorker) may hold. */
static void send_jobs(struct worker *worker)
{
	uint8_t heads[SEND_MAX][JOB_HEAD_MAX];
	struct iovec iov[2 * SEND_MAX];
	struct msghdr message = {.msg_iov = iov};
	struct link *link = &worker->jobs;
	size_t bytes = 0;
	unsigned n = 0;

	for (uint32_t i = 0; i < worker->unsent; i++)
		link = link->prev;
	for (; n < SEND_MAX && n < worker->unsent; n++, link = link->next) {
		struct job *job = list_entry(link, struct job, link);
		uint8_t *end = put_varint(put_varint(heads[n], FIELD_TO_WORKER_JOB << 3 | PUT_TYPE_LENGTH), job->len);

		bytes += (size_t)(end - heads[n]) + job->len;
		if (n > 0 && bytes > DGRAM_JOBS_MAX)
			break;
		iov[message.msg_iovlen++] = (struct iovec){.iov_base = heads[n], .iov_len = (size_t)(end - heads[n])};
		iov[message.msg_iovlen++] = (struct iovec){.iov_base = job->packed, .iov_len = job->len};
	}
	if (sendmsg(worker->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		given(worker, n);
	else /* an error other than a full socket shows as its end when it is read */
		event_add(&worker->writable, NULL);
}

static struct worker *manage_worker(struct workers *workers)
{
	for (struct link *link = workers->all.next; link != &workers->all; link = link->next) {
		struct worker *worker = list_entry(link, struct worker, link);

		if (worker->manage)
			return worker;
	}
	return NULL;
}

static void flush_manage(struct workers *workers)
{
	struct worker *worker = manage_worker(workers);

	if (workers->manage_queue.n == 0)
		return;
	if (worker && worker->ready && worker->n_jobs == 0) {
		give(worker, job_dequeue(&workers->manage_queue));
	} else if (!worker && !workers->manage_wanted) {
		workers->manage_wanted = workers->events->want(workers->owner, true, 0, 0);
	}
}

void workers_flush(struct workers *workers)
{
	struct worker *worker;

	while (workers->queue.n > 0 && (worker = free_worker(workers)))
		give(worker, job_dequeue(&workers->queue));
	flush_manage(workers);
	for (struct link *link = workers->all.next; link != &workers->all; link = link->next) {
		worker = list_entry(link, struct worker, link);
		while (worker->unsent > 0 && !event_pending(&worker->writable, EV_WRITE, NULL))
			send_jobs(worker);
	}
}
