#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/net/parent_link.h"
#include "proto/dgram.h"
#include "proto/put.h"

enum {
	SEND_MAX = 16,   /* jobs in one datagram */
	JOB_HEAD_MAX = PUT_FIELD_MAX,
	RECEIVE_MAX = 8, /* datagrams of one recvmmsg(2) */
	NEWS_ALGS_MAX = 64, /* far more than there are */
	LOST_MAX = 3,    /* then a job fails although no worker said that it was executing it */
	PARTS_MAX = 4096, /* results of one job that is answered in parts */
};

void workers_init(struct broker *broker)
{
	struct workers *workers = &broker->workers;

	*workers = (struct workers){0};
	list_init(&workers->all);
	queue_init(&workers->queue);
	queue_init(&workers->manage_queue);
}

static void worker_free(struct worker *worker)
{
	list_remove(&worker->link);
	event_del(&worker->readable);
	event_del(&worker->writable);
	close(worker->fd);
	executing_unmap(worker->executing);
	if (worker->hello)
		cek__internal__v1__worker_hello__free_unpacked(worker->hello, NULL);
	free(worker);
}

static void job_end(struct job *job, const JobResult *result)
{
	list_remove(&job->link);
	job->queued = false;
	job->done(job, result);
}

/* The next job of a queue, taken out of it. */
static struct job *dequeue(struct queue *queue)
{
	struct link *link = queue_take(queue);
	struct job *job = link ? list_entry(link, struct job, link) : NULL;

	if (job)
		job->queue = NULL;
	return job;
}

static void fail_all(struct queue *queue)
{
	struct job *job;

	while ((job = dequeue(queue)))
		job_end(job, NULL);
}

void workers_deinit(struct broker *broker)
{
	struct workers *workers = &broker->workers;
	struct link *link;

	if (!workers->all.next)
		return;
	while ((link = workers->all.next) != &workers->all) {
		struct worker *worker = list_entry(link, struct worker, link);

		while ((link = list_take(&worker->jobs)))
			job_end(list_entry(link, struct job, link), NULL);
		worker_free(worker);
	}
	fail_all(&workers->queue);
	fail_all(&workers->manage_queue);
}

/* A worker went. The job that it was executing may be what killed it: it fails. The others have not begun, or their
 * results are lost, and are given out again; but what a manage worker that broke the rules did with its job is not
 * known. */
static void worker_lost(struct worker *worker)
{
	struct workers *workers = &worker->broker->workers;
	struct queue *queue = worker->manage ? &workers->manage_queue : &workers->queue;
	const uint64_t executing = worker->executing->job;
	struct link *link, failed;

	list_init(&failed);
	while ((link = worker->jobs.prev) != &worker->jobs) {
		struct job *job = list_entry(link, struct job, link);

		list_remove(link);
		if (job->id == executing || (worker->manage && worker->broke_rules) || ++job->lost >= LOST_MAX) {
			list_append(&failed, link);
			continue;
		}
		job->queue = queue;
		queue_add_first(queue, link, job->uid);
	}
	if (worker->manage)
		workers->manage_wanted = false;
	worker_free(worker);
	while ((link = list_take(&failed)))
		job_end(list_entry(link, struct job, link), NULL);
}

/* ---- answers ------------------------------------------------------------------------------------------------- */

static void retire_older(struct worker *worker)
{
	struct workers *workers = &worker->broker->workers;

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

/* Nobody believes another's sequence. A worker that breaks it is ended: cekd kills it, and the caller takes its jobs. */
static bool broke_the_rules(struct worker *worker, const char *how)
{
	worker->broke_rules = true;
	log_error("%s worker %u.%u %s: it is ended", worker->manage ? "manage" : "use", worker->index,
		worker->generation, how);
	control_end_worker(worker->broker, worker, how);
	return false;
}

static bool on_hello(struct worker *worker, const WorkerHello *hello)
{
	struct broker *broker = worker->broker;
	uint8_t *packed;

	if (worker->ready)
		return broke_the_rules(worker, "said hello twice");
	packed = malloc(cek__internal__v1__worker_hello__get_packed_size(hello) + 1);
	if (packed)
		worker->hello = cek__internal__v1__worker_hello__unpack(NULL,
			cek__internal__v1__worker_hello__pack(hello, packed), packed);
	free(packed);
	worker->ready = true;
	worker->memory = hello->memory;
	broker->workers.hopeless = false;
	if (worker->manage)
		return true;
	retire_older(worker);
	steps_look_for_missing(broker);
	log_info("worker %u.%u is ready", worker->index, worker->generation);
	return true;
}

/* A token can do more than it seemed to. False: the worker broke the rules. */
static bool on_news(struct worker *worker, const Cek__Internal__V1__WorkerNews *news)
{
	WorkerHello merged, *hello;
	uint8_t *packed;

	if (!worker->ready || news->n_alg > NEWS_ALGS_MAX)
		return broke_the_rules(worker, "sent news that cannot be");
	if (!worker->hello)
		return true;
	merged = *worker->hello;
	merged.n_alg = news->n_alg;
	merged.alg = news->alg;
	packed = malloc(cek__internal__v1__worker_hello__get_packed_size(&merged) + 1);
	hello = packed ? cek__internal__v1__worker_hello__unpack(NULL,
		cek__internal__v1__worker_hello__pack(&merged, packed), packed) : NULL;
	free(packed);
	if (!hello) /* what is known stays */
		return true;
	cek__internal__v1__worker_hello__free_unpacked(worker->hello, NULL);
	worker->hello = hello;
	log_info("worker %u.%u knows now what the token can do", worker->index, worker->generation);
	return true;
}

/* One more part of an answer. A job that is answered once is not touched: done() may free it or submit it again. */
static bool on_part(struct worker *worker, struct job *job, const JobResult *result)
{
	if (!job->in_parts)
		return broke_the_rules(worker, "answered in parts what is answered once");
	if (++job->parts > PARTS_MAX)
		return broke_the_rules(worker, "answered in too many parts");
	job->done(job, result);
	return true;
}

/* What may come now: the answer to the oldest job that was sent. False: the worker broke the rules. */
static bool on_result(struct worker *worker, const JobResult *result)
{
	struct broker *broker = worker->broker;
	struct job *job = list_empty(&worker->jobs) ? NULL : list_entry(worker->jobs.next, struct job, link);

	if (!worker->ready)
		return broke_the_rules(worker, "answered before its hello");
	if (!job || worker->n_jobs == worker->unsent || job->id != result->id)
		return broke_the_rules(worker, "answered a job that it does not have");
	if (result->memory > 0)
		worker->memory = result->memory;
	if (result->replace && !worker->replacing && !worker->manage)
		worker->replacing = control_want_worker(broker, false, worker->index, worker->generation);
	if (result->more)
		return on_part(worker, job, result);
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

static bool on_message(struct worker *worker, const uint8_t *data, size_t len)
{
	struct broker *broker = worker->broker;
	Cek__Internal__V1__FromWorker *message;
	bool ok;

	message = cek__internal__v1__from_worker__unpack(arena_allocator(&broker->turn.arena), len, data);
	if (message && message->what_case == CEK__INTERNAL__V1__FROM_WORKER__WHAT_HELLO)
		ok = on_hello(worker, message->hello);
	else if (message && message->what_case == CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULT)
		ok = on_result(worker, message->result);
	else if (message && message->what_case == CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULTS)
		ok = on_results(worker, message->results);
	else if (message && message->what_case == CEK__INTERNAL__V1__FROM_WORKER__WHAT_NEWS)
		ok = on_news(worker, message->news);
	else
		ok = broke_the_rules(worker, "sent what is no message");
	arena_reset(&broker->turn.arena);
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
	uint8_t *buffer = worker->broker->turn.datagram;
	uint32_t expected = worker->n_jobs - worker->unsent;
	unsigned n = worker->manage || expected < 2 ? 1 : expected < RECEIVE_MAX ? expected : RECEIVE_MAX;
	size_t size = DGRAM_MAX / n;

	for (unsigned i = 0; i < n; i++) {
		ret_received->iov[i] = (struct iovec){.iov_base = buffer + i * size, .iov_len = size};
		ret_received->messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &ret_received->iov[i],
			.msg_iovlen = 1}};
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

		if (message->msg_hdr.msg_flags & MSG_TRUNC)
			ok = broke_the_rules(worker, "sent more than it was asked for");
		ok = ok && message->msg_len > 0 && on_message(worker, data, message->msg_len);
		wipe(data, message->msg_len);
	}
	return ok;
}

static void on_readable(evutil_socket_t fd, short what, void *data)
{
	struct worker *worker = data;
	struct received received;

	turn_look_at_clock(&worker->broker->turn);
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

/* ---- coming and going ---------------------------------------------------------------------------------------- */

static void on_writable(evutil_socket_t fd, short what, void *data)
{
	/* The turn's end sends what waits. */
}

int workers_up(struct broker *broker, int fd, int executing, const Cek__Internal__V1__WorkerUp *up)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	const struct executing *page = worker ? executing_map_read_only(executing) : NULL;

	if (!page) {
		free(worker);
		close(fd);
		return -ENOMEM;
	}
	*worker = (struct worker){.broker = broker, .fd = fd, .executing = page, .manage = up->manage, .index = up->index,
		.generation = up->generation, .pid = up->pid};
	list_init(&worker->jobs);
	event_assign(&worker->readable, broker->turn.base, fd, EV_READ | EV_PERSIST, on_readable, worker);
	event_assign(&worker->writable, broker->turn.base, fd, EV_WRITE, on_writable, worker);
	list_append(&broker->workers.all, &worker->link);
	if (event_add(&worker->readable, NULL) < 0) {
		worker_free(worker);
		return -ENOMEM;
	}
	if (worker->manage)
		broker->workers.manage_wanted = true;
	return 0;
}

void workers_gone(struct broker *broker, const Cek__Internal__V1__WorkerGone *gone)
{
	struct workers *workers = &broker->workers;

	snprintf(workers->why, sizeof(workers->why), "%s", gone->why);
	log_warning("%s worker %u.%u went: %s", gone->manage ? "manage" : "use", gone->index, gone->generation,
		gone->why);
	if (gone->manage)
		workers->manage_wanted = false;
	if (!gone->hopeless)
		return;
	workers->hopeless = true;
	fail_all(&workers->manage_queue);
	if (!workers_ready(broker))
		fail_all(&workers->queue);
}

/* ---- jobs ---------------------------------------------------------------------------------------------------- */

uint64_t workers_job_id(struct broker *broker)
{
	return ++broker->workers.next_id;
}

static void enqueue(struct queue *queue, struct job *job)
{
	job->queued = true;
	job->queue = queue;
	job->lost = 0;
	job->parts = 0;
	queue_add(queue, &job->link, job->uid);
}

int workers_manage(struct broker *broker, struct job *job)
{
	struct workers *workers = &broker->workers;

	if (workers->hopeless)
		return -ENETDOWN;
	if (workers->manage_queue.n >= MANAGE_QUEUE_MAX)
		return -ENOBUFS;
	enqueue(&workers->manage_queue, job);
	return 0;
}

int workers_submit(struct broker *broker, struct job *job)
{
	struct workers *workers = &broker->workers;

	if (workers->queue.n >= broker->turn.limits.queue)
		return -ENOBUFS;
	if (workers->hopeless && !workers_ready(broker))
		return -ENETDOWN;
	enqueue(&workers->queue, job);
	return 0;
}

bool workers_cancel(struct job *job)
{
	if (!job->queued || !job->queue)
		return false;
	queue_remove(job->queue, &job->link, job->uid);
	job->queue = NULL;
	job->queued = false;
	return true;
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
void workers_forget(struct broker *broker, const uint8_t *cka_id, size_t len)
{
	Cek__Internal__V1__ForgetJob forget_job = CEK__INTERNAL__V1__FORGET_JOB__INIT;
	Job message = CEK__INTERNAL__V1__JOB__INIT;

	forget_job.cka_id = (ProtobufCBinaryData){.data = (uint8_t *)cka_id, .len = len};
	message.op_case = CEK__INTERNAL__V1__JOB__OP_FORGET;
	message.forget = &forget_job;
	for (struct link *link = broker->workers.all.next; link != &broker->workers.all; link = link->next) {
		struct worker *worker = list_entry(link, struct worker, link);
		struct forget *forget = worker->manage || !worker->ready ? NULL : calloc(1, sizeof(*forget));

		if (!forget)
			continue;
		message.id = forget->job.id = ++broker->workers.next_id;
		forget->job.packed = forget->packed;
		forget->job.len = cek__internal__v1__job__pack(&message, forget->packed);
		forget->job.queued = true;
		forget->job.done = on_forgotten;
		list_append(&worker->jobs, &forget->job.link);
		worker->n_jobs++;
		worker->unsent++;
	}
}

static struct worker *free_worker(struct broker *broker)
{
	struct worker *best = NULL;

	for (struct link *link = broker->workers.all.next; link != &broker->workers.all; link = link->next) {
		struct worker *worker = list_entry(link, struct worker, link);

		if (!worker->ready || worker->manage || worker->leaving ||
			worker->n_jobs >= broker->turn.limits.queue_per_worker)
			continue;
		if (!best || worker->n_jobs < best->n_jobs)
			best = worker;
	}
	return best;
}

static void give(struct worker *worker, struct job *job)
{
	list_append(&worker->jobs, &job->link);
	worker->n_jobs++;
	worker->unsent++;
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
		uint8_t *end = put_varint(put_varint(heads[n], 1 << 3 | PUT_TYPE_LENGTH), job->len);

		bytes += (size_t)(end - heads[n]) + job->len;
		if (n > 0 && bytes > DGRAM_JOBS_MAX)
			break;
		iov[message.msg_iovlen++] = (struct iovec){.iov_base = heads[n], .iov_len = (size_t)(end - heads[n])};
		iov[message.msg_iovlen++] = (struct iovec){.iov_base = job->packed, .iov_len = job->len};
	}
	if (sendmsg(worker->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		worker->unsent -= n;
	else /* an error other than a full socket shows as its end when it is read */
		event_add(&worker->writable, NULL);
}

static struct worker *manage_worker(struct broker *broker)
{
	for (struct link *link = broker->workers.all.next; link != &broker->workers.all; link = link->next) {
		struct worker *worker = list_entry(link, struct worker, link);

		if (worker->manage)
			return worker;
	}
	return NULL;
}

static void flush_manage(struct broker *broker)
{
	struct workers *workers = &broker->workers;
	struct worker *worker = manage_worker(broker);

	if (workers->manage_queue.n == 0)
		return;
	if (worker && worker->ready && worker->n_jobs == 0) {
		give(worker, dequeue(&workers->manage_queue));
	} else if (!worker && !workers->manage_wanted) {
		workers->manage_wanted = control_want_worker(broker, true, 0, 0);
	}
}

void workers_flush(struct broker *broker)
{
	struct workers *workers = &broker->workers;
	struct worker *worker;

	while (workers->queue.n > 0 && (worker = free_worker(broker)))
		give(worker, dequeue(&workers->queue));
	flush_manage(broker);
	for (struct link *link = workers->all.next; link != &workers->all; link = link->next) {
		worker = list_entry(link, struct worker, link);
		while (worker->unsent > 0 && !event_pending(&worker->writable, EV_WRITE, NULL))
			send_jobs(worker);
	}
}

bool workers_ready(const struct broker *broker)
{
	for (struct link *link = broker->workers.all.next; link != &broker->workers.all; link = link->next) {
		const struct worker *worker = list_entry(link, struct worker, link);

		if (worker->ready && !worker->manage)
			return true;
	}
	return false;
}

bool workers_idle(const struct broker *broker)
{
	const struct workers *workers = &broker->workers;

	if (workers->queue.n > 0 || workers->manage_queue.n > 0)
		return false;
	for (struct link *link = workers->all.next; link != &workers->all; link = link->next) {
		if (list_entry(link, struct worker, link)->n_jobs > 0)
			return false;
	}
	return true;
}

const WorkerHello *workers_hello(const struct broker *broker)
{
	for (struct link *link = broker->workers.all.prev; link != &broker->workers.all; link = link->prev) {
		const struct worker *worker = list_entry(link, struct worker, link);

		if (worker->ready && worker->hello && !worker->manage)
			return worker->hello;
	}
	return NULL;
}
