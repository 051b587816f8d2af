/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/stop.h"

#include <event2/event.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/parent/heir.h"
#include "daemon/parent/host/notify.h"

/* An orderly stop is given so long; then those who do not end are killed, each kind a little later than those who need
 * it. A worker inside a login is given as long as one call of the token may last, since killing it can ruin the
 * token. */
enum {
	STOP_SECONDS = 30,
	NEXT_SECONDS = 5,
};

enum {
	STAGE_ASKED,
	STAGE_KILLED_BROKER,
	STAGE_KILLED_WORKERS, /* but those inside a login */
	STAGE_KILLED_LOGINS,
	STAGE_KILLED_JOURNAL,
};

static void drain_worker(struct family *family, struct child *child, void *data)
{
	bool *any = data;

	(void)family;
	if (child->role != CHILD_WORKER)
		return;
	child_drain(child);
	*any = true;
}

static unsigned stage_of(const struct child *child)
{
	switch (child->role) {
	case CHILD_BROKER:
		return STAGE_KILLED_BROKER;
	case CHILD_JOURNAL:
		return STAGE_KILLED_JOURNAL;
	case CHILD_WORKER:
		break;
	}
	return child->ready ? STAGE_KILLED_WORKERS : STAGE_KILLED_LOGINS;
}

static void kill_late(struct family *family, struct child *child, void *data)
{
	struct stop *stop = data;

	(void)family;
	if (stop->stage < stage_of(child))
		return;
	stop->killed = true;
	log_warning("%s (pid %d) does not end: killed", child->name, (int)child->pid);
	child_kill(child, SIGKILL);
}

static void wait_seconds(struct stop *stop, unsigned seconds)
{
	const struct timeval wait = {.tv_sec = (time_t)seconds};

	(void)evtimer_add(stop->timer, &wait);
}

static void stop_late(int fd, short what, void *data)
{
	struct stop *stop = data;

	(void)fd;
	(void)what;
	stop->stage++;
	family_each(stop->family, kill_late, stop);
	wait_seconds(stop, stop->stage == STAGE_KILLED_WORKERS ? stop->call_timeout : NEXT_SECONDS);
	stop_step(stop);
}

void stop_begin(struct stop *stop)
{
	if (stop->begun)
		return;
	log_info("stopping");
	notify_stopping();
	stop->begun = true;
	stop->stage = STAGE_ASKED;
	stop->timer = evtimer_new(stop->family->base, stop_late, stop);
	if (stop->timer != NULL)
		wait_seconds(stop, STOP_SECONDS);
}

void stop_deinit(struct stop *stop)
{
	if (stop->timer != NULL)
		event_free(stop->timer);
	stop->timer = NULL;
}

/* The broker cannot answer what it accepted before the records of that are written. */
static void keep_journal(struct stop *stop)
{
	struct family *family = stop->family;
	const uint64_t now = clock_monotonic_us();

	if (child_due(&family->journal, now))
		start_journal(stop->start);
	if (family->journal.pid == 0)
		family_wake(family, family->journal.not_before_us, now);
}

/* The broker first, for it still needs the others; the journal last, for the others still write. */
void stop_step(struct stop *stop)
{
	struct family *family = stop->family;
	bool workers = false;

	if (family->broker.pid != 0) {
		child_drain(&family->broker);
		keep_journal(stop);
		return;
	}
	family_each(family, drain_worker, &workers);
	if (workers)
		return;
	if (family->journal.pid != 0)
		child_drain(&family->journal);
	else if (stop->heir == NULL || heir_is_gone(stop->heir))
		(void)event_base_loopbreak(family->base);
}
