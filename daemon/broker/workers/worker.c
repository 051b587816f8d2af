/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/broker/workers/job.h"
#include "daemon/broker/workers/worker.h"

enum { LOST_MAX = 3 }; /* then a job fails although no worker said that it was executing it */

void worker_free(struct worker *worker)
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

void worker_lost(struct worker *worker)
{
	struct workers *workers = worker->workers;
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
		job_wait(job);
		job->queue = queue;
		queue_add_first(queue, link, job->uid);
	}
	if (worker->manage)
		workers->manage_wanted = false;
	worker_free(worker);
	while ((link = list_take(&failed)))
		job_end(list_entry(link, struct job, link), NULL);
}

bool worker_broke_the_rules(struct worker *worker, const char *how)
{
	worker->broke_rules = true;
	log_error("%s worker %u.%u %s: it is ended", worker->manage ? "manage" : "use", worker->index,
		worker->generation, how);
	if (!worker->workers->events->end(worker->workers->owner, worker, how, false))
		log_error("cekd could not be told to kill it");
	return false;
}

bool workers_unavailable(const struct workers *workers)
{
	return (workers->hopeless || workers->away) && !workers_ready(workers);
}

bool workers_ready(const struct workers *workers)
{
	for (struct link *link = workers->all.next; link != &workers->all; link = link->next) {
		const struct worker *worker = list_entry(link, struct worker, link);

		if (worker->ready && !worker->manage)
			return true;
	}
	return false;
}

bool workers_idle(const struct workers *workers)
{
	if (workers->queue.n > 0 || workers->manage_queue.n > 0)
		return false;
	for (struct link *link = workers->all.next; link != &workers->all; link = link->next) {
		if (list_entry(link, struct worker, link)->n_jobs > 0)
			return false;
	}
	return true;
}

const WorkerHello *workers_hello(const struct workers *workers)
{
	for (struct link *link = workers->all.prev; link != &workers->all; link = link->prev) {
		const struct worker *worker = list_entry(link, struct worker, link);

		if (worker->ready && worker->hello && !worker->manage)
			return worker->hello;
	}
	return NULL;
}
