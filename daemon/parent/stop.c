#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/parent/host/notify.h"
#include "daemon/parent/supervisor.h"

/* An orderly stop is given so long; then those who do not end are killed, each kind a little later than those who need
 * it. A worker inside a login is given as long as one call of the token may last, since killing it can ruin the token. */
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

static void drain_worker(struct supervisor *supervisor, struct child *child, void *data)
{
	bool *any = data;

	(void)supervisor;
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

static void kill_late(struct supervisor *supervisor, struct child *child, void *data)
{
	(void)data;
	if (supervisor->stop_stage < stage_of(child))
		return;
	supervisor->exit_status = EXIT_FAILURE;
	log_warning("%s (pid %d) does not end: killed", child->name, (int)child->pid);
	child_kill(child, SIGKILL);
}

static void wait_seconds(struct supervisor *supervisor, unsigned seconds)
{
	const struct timeval wait = {.tv_sec = (time_t)seconds};

	(void)evtimer_add(supervisor->stop_timer, &wait);
}

static void stop_late(int fd, short what, void *data)
{
	struct supervisor *supervisor = data;

	(void)fd;
	(void)what;
	supervisor->stop_stage++;
	supervisor_each(supervisor, kill_late, NULL);
	wait_seconds(supervisor, supervisor->stop_stage == STAGE_KILLED_WORKERS ? supervisor->config->call_timeout : NEXT_SECONDS);
	stop_step(supervisor);
}

void supervisor_stop(struct supervisor *supervisor)
{
	if (supervisor->stopping)
		return;
	log_info("stopping");
	notify_stopping();
	supervisor->stopping = true;
	supervisor->stop_stage = STAGE_ASKED;
	supervisor->stop_timer = evtimer_new(supervisor->base, stop_late, supervisor);
	if (supervisor->stop_timer != NULL)
		wait_seconds(supervisor, STOP_SECONDS);
	supervisor_step(supervisor);
}

/* The broker cannot answer what it accepted before the records of that are written. */
static void keep_journal(struct supervisor *supervisor)
{
	const uint64_t now = clock_monotonic_us();

	if (child_due(&supervisor->journal, now))
		start_journal(supervisor);
	if (supervisor->journal.pid == 0)
		supervisor_wake(supervisor, supervisor->journal.not_before_us, now);
}

/* The broker first, for it still needs the others; the journal last, for the others still write. */
void stop_step(struct supervisor *supervisor)
{
	bool workers = false;

	if (supervisor->broker.pid != 0) {
		child_drain(&supervisor->broker);
		keep_journal(supervisor);
		return;
	}
	supervisor_each(supervisor, drain_worker, &workers);
	if (workers)
		return;
	if (supervisor->journal.pid != 0)
		child_drain(&supervisor->journal);
	else
		(void)event_base_loopbreak(supervisor->base);
}
