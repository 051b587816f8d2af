#include "daemon/parent/supervisor.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/parent/config/load.h"
#include "daemon/parent/config/restart.h"
#include "daemon/parent/host/notify.h"

typedef Cek__Internal__V1__Control Control;

enum {
	PIN_LOOK_US = 1000000, /* how often the PIN file is looked at after a wrong PIN */
};

static struct child *current_of(struct slot *slot)
{
	return &slot->child[slot->now];
}

void supervisor_each(struct supervisor *supervisor, void (*f)(struct supervisor *, struct child *, void *), void *data)
{
	struct child *const single[] = {&supervisor->journal, &supervisor->broker, &supervisor->manage};

	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
		if (single[i]->pid != 0)
			f(supervisor, single[i], data);
	for (unsigned i = 0; i < supervisor->config->workers; i++)
		for (size_t j = 0; j < 2; j++)
			if (supervisor->slots[i].child[j].pid != 0)
				f(supervisor, &supervisor->slots[i].child[j], data);
}

static void note_login(struct supervisor *supervisor, struct child *child, void *data)
{
	bool *busy = data;

	(void)supervisor;
	if (child->role == CHILD_WORKER && !child->ready)
		*busy = true;
}

void supervisor_wake(struct supervisor *supervisor, uint64_t when_us, uint64_t now_us)
{
	const uint64_t wait = when_us > now_us ? when_us - now_us : 0;
	const struct timeval interval = {.tv_sec = (time_t)(wait / 1000000), .tv_usec = (suseconds_t)(wait % 1000000)};
	struct timeval pending, now, next;

	if (evtimer_pending(supervisor->timer, &pending)) {
		(void)event_base_gettimeofday_cached(supervisor->base, &now);
		evutil_timeradd(&now, &interval, &next);
		if (evutil_timercmp(&pending, &next, <=))
			return;
	}
	(void)evtimer_add(supervisor->timer, &interval);
}

/* Nobody can be asked to manage while the PIN is wrong; the broker shall not wait for it. */
static void refuse_manage(struct supervisor *supervisor)
{
	if (!supervisor->manage_wanted || supervisor->manage.pid != 0)
		return;
	supervisor->manage_wanted = false;
	(void)snprintf(supervisor->manage.why, sizeof(supervisor->manage.why), "no login after a wrong PIN");
	tell_worker_gone(supervisor, &supervisor->manage, true);
}

/* The worker that logs in next: the first use worker that is missing, then the manage worker. */
static struct child *next_worker(struct supervisor *supervisor, uint64_t now)
{
	for (unsigned i = 0; i < supervisor->config->workers; i++) {
		struct child *child = current_of(&supervisor->slots[i]);

		if (child_due(child, now))
			return child;
		if (child->pid == 0)
			supervisor_wake(supervisor, child->not_before_us, now);
	}
	if (supervisor->manage_wanted && supervisor->manage.pid == 0) {
		if (child_due(&supervisor->manage, now))
			return &supervisor->manage;
		supervisor_wake(supervisor, supervisor->manage.not_before_us, now);
	}
	return NULL;
}

static void step_workers(struct supervisor *supervisor, uint64_t now)
{
	struct child *child;
	bool busy = false;

	if (logins_pin_changed(&supervisor->logins, supervisor->config->pin_file)) {
		log_info("%s has changed: logging in again", supervisor->config->pin_file);
		logins_resume(&supervisor->logins);
	}
	if (supervisor->logins.stopped) {
		refuse_manage(supervisor);
		supervisor_wake(supervisor, now + PIN_LOOK_US, now);
		return;
	}
	supervisor_each(supervisor, note_login, &busy);
	if (busy)
		return;
	child = next_worker(supervisor, now);
	if (child == NULL)
		return;
	if (child == &supervisor->manage)
		supervisor->manage_wanted = false;
	start_worker(supervisor, child);
	if (child->pid == 0) /* could not even be started: perhaps another one can */
		supervisor_wake(supervisor, child->not_before_us, now);
}

void supervisor_step(struct supervisor *supervisor)
{
	const uint64_t now = clock_monotonic_us();

	if (supervisor->stopping) {
		stop_step(supervisor);
		return;
	}
	if (child_due(&supervisor->journal, now))
		start_journal(supervisor);
	if (supervisor->journal.ready && child_due(&supervisor->broker, now))
		start_broker(supervisor);
	if (supervisor->broker.ready)
		step_workers(supervisor, now);
	if (supervisor->journal.pid == 0)
		supervisor_wake(supervisor, supervisor->journal.not_before_us, now);
	if (supervisor->broker.pid == 0)
		supervisor_wake(supervisor, supervisor->broker.not_before_us, now);
}

static struct child *child_of(struct supervisor *supervisor, pid_t pid)
{
	struct child *const single[] = {&supervisor->journal, &supervisor->broker, &supervisor->manage};

	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
		if (single[i]->pid == pid)
			return single[i];
	for (unsigned i = 0; i < supervisor->config->workers; i++)
		for (size_t j = 0; j < 2; j++)
			if (supervisor->slots[i].child[j].pid == pid)
				return &supervisor->slots[i].child[j];
	return NULL;
}

/* What an operator must mend before a first start can succeed ends cekd, so that the start is seen to fail. */
static void give_up_if_hopeless(struct supervisor *supervisor, const struct child *child)
{
	const bool needs_operator = child->failing == CEK__INTERNAL__V1__FAILING__CLASS__CONFIGURATION ||
	                            child->failing == CEK__INTERNAL__V1__FAILING__CLASS__JOURNAL;

	if (!needs_operator || child->role == CHILD_WORKER || supervisor->broker_ready_once)
		return;
	supervisor->exit_status = EXIT_FAILURE;
	supervisor_stop(supervisor);
}

static void child_gone(struct supervisor *supervisor, struct child *child, int status)
{
	control_read(supervisor, child); /* its last words */
	child_ended(child, status);
	if (child->role == CHILD_BROKER)
		notify_status("the broker is being started again");
	if (child->role == CHILD_WORKER && child->broker_run == supervisor->broker_runs)
		tell_worker_gone(supervisor, child, child->failing == CEK__INTERNAL__V1__FAILING__CLASS__PIN);
	give_up_if_hopeless(supervisor, child);
}

void supervisor_reap(struct supervisor *supervisor)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *child = child_of(supervisor, pid);

		if (child != NULL)
			child_gone(supervisor, child, status);
	}
	supervisor_step(supervisor);
}

static int send_reload(struct supervisor *supervisor, struct config *config)
{
	Cek__Internal__V1__Reload reload = CEK__INTERNAL__V1__RELOAD__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	if (supervisor->broker.control < 0)
		return 0; /* the next one gets them with its setup */
	reload.rule = config->rules;
	reload.n_rule = config->n_rules;
	reload.limits = &config->limits;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_RELOAD;
	message.reload = &reload;
	return child_send(&supervisor->broker, &message, NULL, 0);
}

/* config is freed with the old rules in it. */
static void take_over(struct config *running, struct config *next)
{
	Cek__Internal__V1__Rule **const rules = running->rules;
	const size_t n_rules = running->n_rules;

	running->rules = next->rules;
	running->n_rules = next->n_rules;
	running->limits = next->limits;
	next->rules = rules;
	next->n_rules = n_rules;
}

void supervisor_reload(struct supervisor *supervisor)
{
	char error[CONFIG_ERROR_MAX];
	struct config *next;
	const char *differs;
	int r;

	if (config_load(supervisor->config_path, supervisor->config->split_uids, &next, error) < 0) {
		log_error("%s; the configuration stays as it was", error);
		return;
	}
	differs = config_rule_needs_restart(supervisor->config, next);
	if (differs != NULL) { /* no broker could be started with it */
		log_error("rule \"%s\" names a listener that comes with a restart only; the configuration stays as it was", differs);
		next = config_free(next);
		return;
	}
	differs = config_needs_restart(supervisor->config, next);
	if (differs != NULL)
		log_warning("%s has changed: that needs a restart; rules and limits are taken now", differs);
	r = send_reload(supervisor, next);
	if (r < 0) {
		log_error("the broker does not take the new rules: %s; they stay as they were", strerror(-r));
	} else {
		take_over(supervisor->config, next);
		log_info("rules and limits are in force");
	}
	next = config_free(next);
	logins_resume(&supervisor->logins);
	supervisor_step(supervisor);
}
