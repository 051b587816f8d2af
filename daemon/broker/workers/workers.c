/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/queue.h"
#include "daemon/broker/workers/answers.h"
#include "daemon/broker/workers/job.h"
#include "daemon/broker/workers/workers.h"
#include "daemon/shared/executing.h"
#include "proto/sequence_tables.h"

void workers_init(struct workers *workers, struct turn *turn, const struct workers_events *events, void *owner)
{
	*workers = (struct workers){.turn = turn, .events = events, .owner = owner};
	list_init(&workers->all);
	queue_init(&workers->queue);
	queue_init(&workers->manage_queue);
}

void workers_deinit(struct workers *workers)
{
	struct link *link;

	if (!workers->all.next)
		return;
	while ((link = workers->all.next) != &workers->all) {
		struct worker *worker = list_entry(link, struct worker, link);

		while ((link = list_take(&worker->jobs)))
			job_end(list_entry(link, struct job, link), NULL);
		worker_free(worker);
	}
	job_fail_all(&workers->queue);
	job_fail_all(&workers->manage_queue);
}

static void on_readable(evutil_socket_t fd, short what, void *data)
{
	struct worker *worker = data;

	turn_look_at_clock(worker->workers->turn);
	answers_read(worker);
}

static void on_writable(evutil_socket_t fd, short what, void *data)
{
	/* The turn's end sends what waits. */
}

int workers_up(struct workers *workers, int fd, int executing, const Cek__Internal__V1__WorkerUp *up)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	const struct executing *page = worker ? executing_map_read_only(executing) : NULL;

	if (!page) {
		free(worker);
		close(fd);
		return log_origin(-ENOMEM);
	}
	*worker = (struct worker){.workers = workers,
		.fd = fd,
		.executing = page,
		.manage = up->manage,
		.index = up->index,
		.generation = up->generation,
		.pid = up->pid,
		.heard_us = workers->turn->pulse.now_us};
	sequence_init(&worker->sequence, &sequence_worker_to_broker, CHILD_STARTS);
	list_init(&worker->jobs);
	event_assign(&worker->readable, workers->turn->base, fd, EV_READ | EV_PERSIST, on_readable, worker);
	event_assign(&worker->writable, workers->turn->base, fd, EV_WRITE, on_writable, worker);
	list_append(&workers->all, &worker->link);
	if (event_add(&worker->readable, NULL) < 0) {
		worker_free(worker);
		return log_origin(-ENOMEM);
	}
	if (worker->manage)
		workers->manage_wanted = true;
	return 0;
}

void workers_gone(struct workers *workers, const Cek__Internal__V1__WorkerGone *gone)
{
	snprintf(workers->why, sizeof(workers->why), "%s", gone->why);
	log_warning("%s worker %u.%u went: %s", gone->manage ? "manage" : "use", gone->index, gone->generation,
		gone->why);
	if (gone->manage == workers->stuck.manage && gone->index == workers->stuck.index &&
		gone->generation == workers->stuck.generation)
		workers->stuck = (struct stuck){0};
	if (gone->manage)
		workers->manage_wanted = false;
	if (gone->hopeless) {
		workers->hopeless = true;
		job_fail_all(&workers->manage_queue);
	}
	if (gone->absent && !gone->manage)
		workers->away = true;
	if (workers_unavailable(workers))
		job_fail_all(&workers->queue);
}
