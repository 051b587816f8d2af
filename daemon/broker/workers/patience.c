/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "daemon/broker/workers/job.h"
#include "daemon/broker/workers/patience.h"

enum { CALLS_MAX = 10 }; /* what a worker may say that it is allowed, in calls: as long as the slowest job (run.c) */

uint64_t patience_oldest(const struct worker *worker)
{
	return worker->n_jobs > 0 ? worker->owed_us : 0;
}

/* Each step of it begins the time anew: the next job, or the next call of the same. */
static void look(struct worker *worker)
{
	const uint64_t oldest = worker->n_jobs > 0 ? list_entry(worker->jobs.next, struct job, link)->id : 0;
	const uint64_t begun = worker->executing->job, allowed_us = worker->executing->allowed_us;

	if (worker->owed_us == 0 || worker->seen.oldest != oldest || worker->seen.begun != begun ||
		worker->seen.allowed_us != allowed_us)
		worker->owed_us = worker->workers->turn->pulse.now_us;
	worker->seen.oldest = oldest;
	worker->seen.begun = begun;
	worker->seen.allowed_us = allowed_us;
}

static void note_stuck(const struct worker *worker)
{
	struct stuck *stuck = &worker->workers->stuck;

	*stuck = (struct stuck){.pid = worker->pid,
		.manage = worker->manage,
		.index = worker->index,
		.generation = worker->generation};
	memcpy(stuck->since, worker->late.since, sizeof(stuck->since));
}

static void judge(struct worker *worker)
{
	struct workers *workers = worker->workers;
	const struct pulse *pulse = &workers->turn->pulse;
	const uint64_t grace_us = executing_allowed_us(worker->executing,
		CALLS_MAX * (uint64_t)workers->call_seconds * 1000000);
	char who[64], how[96];

	look(worker);
	snprintf(who, sizeof(who), "%s worker %u.%u", worker->manage ? "manage" : "use", worker->index,
		worker->generation);
	if (!late_look(&worker->late, pulse, who, patience_oldest(worker), grace_us) ||
		!pulse_over(pulse, patience_oldest(worker), grace_us))
		return;
	snprintf(how, sizeof(how), "did not answer for %u s", (unsigned)(pulse_age(pulse, worker->owed_us) / 1000000));
	if (!workers->events->end(workers->owner, worker, how, true))
		return;
	if (worker->executing->login != 0)
		note_stuck(worker);
	worker_lost(worker);
}

void patience_judge(struct workers *workers)
{
	for (struct link *link = workers->all.next, *next; link != &workers->all; link = next) {
		struct worker *worker = list_entry(link, struct worker, link);

		next = link->next;
		if (worker->ready) /* cekd looks at those that start */
			judge(worker);
	}
}

const struct worker *patience_lost_with(const struct workers *workers)
{
	const struct worker *late = NULL;

	for (const struct link *link = workers->all.next; link != &workers->all; link = link->next) {
		const struct worker *worker = list_entry(link, struct worker, link);

		if (!worker->ready || worker->manage)
			continue;
		if (worker->late.since_us == 0)
			return NULL;
		late = worker;
	}
	return late;
}
