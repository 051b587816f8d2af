/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/supervisor.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/parent/family.h"
#include "daemon/parent/host/listeners.h"
#include "daemon/parent/host/logins.h"
#include "daemon/parent/host/notify.h"
#include "daemon/parent/host/state.h"
#include "daemon/parent/news.h"
#include "daemon/parent/reload.h"
#include "daemon/parent/slots.h"
#include "daemon/parent/start.h"
#include "daemon/parent/stop.h"
#include "daemon/parent/tell.h"
#include "daemon/shared/sandbox.h"
#include "proto/dgram.h"

static const int watched[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT};

enum {
	N_SIGNALS = sizeof(watched) / sizeof(watched[0]),
};

struct supervisor {
	const struct supervisor_options *options;
	struct config *config;
	struct state state;
	struct listeners listeners;
	struct logins logins;

	struct family family;
	struct news news;
	struct start start;
	struct stop stop;
	struct event *signals[N_SIGNALS];
	bool hopeless; /* stopped, since an operator must mend something first */
};

/* Start whatever ought to run and does not, or, while stopping, end whatever still runs. Called after every change. */
static void step(struct supervisor *supervisor)
{
	struct family *family = &supervisor->family;
	const uint64_t now = clock_monotonic_us();

	if (supervisor->stop.begun) {
		stop_step(&supervisor->stop);
		return;
	}
	if (child_due(&family->journal, now))
		start_journal(&supervisor->start);
	if (family->journal.ready && child_due(&family->broker, now))
		start_broker(&supervisor->start);
	if (family->broker.ready)
		slots_fill(&supervisor->start, now);
	if (family->journal.pid == 0)
		family_wake(family, family->journal.not_before_us, now);
	if (family->broker.pid == 0)
		family_wake(family, family->broker.not_before_us, now);
}

static void on_changed(void *data)
{
	step(data);
}

/* SIGTERM, SIGINT. */
static void stop(struct supervisor *supervisor)
{
	if (supervisor->stop.begun)
		return;
	stop_begin(&supervisor->stop);
	step(supervisor);
}

/* What an operator must mend before a first start can succeed ends cekd, so that the start is seen to fail. The first
 * start has succeeded when the broker got ready: then only time is needed. */
static void give_up_if_hopeless(struct supervisor *supervisor, const struct child *child)
{
	const bool needs_operator = child->failing == CEK__INTERNAL__V1__FAILING__CLASS__CONFIGURATION ||
		child->failing == CEK__INTERNAL__V1__FAILING__CLASS__JOURNAL;

	if (!needs_operator || child->role == CHILD_WORKER || supervisor->family.broker.ready_us != 0)
		return;
	supervisor->hopeless = true;
	stop(supervisor);
}

static void child_gone(struct supervisor *supervisor, struct child *child, int status)
{
	struct family *family = &supervisor->family;

	news_read(&supervisor->news, child); /* its last words */
	child_ended(child, status);
	if (child->role == CHILD_BROKER)
		notify_status("the broker is being started again");
	if (child->role == CHILD_WORKER && child->broker_run == family->broker_runs)
		tell_worker_gone(&family->broker, child, child->failing == CEK__INTERNAL__V1__FAILING__CLASS__PIN);
	give_up_if_hopeless(supervisor, child);
}

/* SIGCHLD. */
static void reap(struct supervisor *supervisor)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *child = family_find(&supervisor->family, pid);

		if (child != NULL)
			child_gone(supervisor, child, status);
	}
	step(supervisor);
}

/* SIGHUP: rules and limits from the file, and a new try with the PIN. */
static void take_reload(struct supervisor *supervisor)
{
	if (reload(supervisor->config, supervisor->options->config_path, &supervisor->family.broker) < 0)
		return;
	logins_resume(&supervisor->logins);
	step(supervisor);
}

static void on_signal(int number, short what, void *data)
{
	struct supervisor *supervisor = data;

	(void)what;
	if (number == SIGCHLD)
		reap(supervisor);
	else if (number == SIGHUP)
		take_reload(supervisor);
	else
		stop(supervisor);
}

/* Between the first socket file and the first handler nothing may end cekd: the file would stay. */
static void hold_signals(int how)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < N_SIGNALS; i++)
		(void)sigaddset(&set, watched[i]);
	(void)sigprocmask(how, &set, NULL);
}

static void nothing(int number)
{
	(void)number;
}

/* nothing() is in force again when the event is gone, until the sockets are. SIG_IGN would drop what has been held. */
static int watch_signals(struct supervisor *supervisor)
{
	const struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < N_SIGNALS; i++) {
		(void)sigaction(watched[i], &action, NULL);
		supervisor->signals[i] = evsignal_new(supervisor->family.base, watched[i], on_signal, supervisor);
		if (supervisor->signals[i] == NULL || evsignal_add(supervisor->signals[i], NULL) < 0)
			return log_origin(-ENOMEM);
	}
	hold_signals(SIG_UNBLOCK); /* one that has come meanwhile is heard now */
	return 0;
}

static int enter_sandbox(const struct config *config)
{
	char report[160];
	const int r = sandbox_enter(SANDBOX_PARENT, config->sandbox, NULL, report, sizeof(report));

	if (r < 0)
		log_error("sandbox = \"required\" cannot be met: %s", report);
	return r;
}

static int loop(struct supervisor *supervisor)
{
	int r = watch_signals(supervisor);

	if (r == 0)
		r = enter_sandbox(supervisor->config);
	if (r == 0) {
		step(supervisor);
		r = event_base_dispatch(supervisor->family.base) < 0 ? log_origin(-EIO) : 0;
	}
	for (size_t i = 0; i < N_SIGNALS; i++)
		if (supervisor->signals[i] != NULL)
			event_free(supervisor->signals[i]);
	return r;
}

/* The parts, which get what they use. */
static int put_together(struct supervisor *supervisor, struct event_base *base, const int journal_pair[2])
{
	struct config *config = supervisor->config;
	struct family *family = &supervisor->family;
	const int r = family_init(family, base, config->workers, on_changed, supervisor);

	supervisor->news = (struct news){
		.family = family,
		.logins = &supervisor->logins,
		.pin_file = config->pin_file,
	};
	supervisor->start = (struct start){
		.family = family,
		.news = &supervisor->news,
		.config = config,
		.programs = supervisor->options->programs,
		.test_page = supervisor->options->test_page,
		.state = &supervisor->state,
		.logins = &supervisor->logins,
		.listeners = &supervisor->listeners,
		.journal_pair = {journal_pair[0], journal_pair[1]},
	};
	supervisor->stop = (struct stop){
		.family = family,
		.start = &supervisor->start,
		.call_timeout = config->call_timeout,
	};
	return r;
}

static int run(struct supervisor *supervisor)
{
	int journal_pair[2];
	struct event_base *base;
	int r = dgram_pair(journal_pair);

	if (r < 0)
		return log_origin(r);
	base = event_base_new();
	if (base != NULL) {
		r = put_together(supervisor, base, journal_pair);
		r = r < 0 ? log_origin(r) : loop(supervisor);
		stop_deinit(&supervisor->stop);
		family_deinit(&supervisor->family);
		event_base_free(base);
	} else {
		r = log_origin(-ENOMEM);
	}
	(void)close(journal_pair[0]);
	(void)close(journal_pair[1]);
	return r;
}

/* What others may hold is taken first: the state directory, then the sockets. */
int supervisor_run(const struct supervisor_options *options)
{
	static struct supervisor supervisor;
	const struct config *config = options->config;
	int r;

	supervisor = (struct supervisor){.options = options, .config = options->config};
	r = state_open(config->state_directory, config->split_uids, &supervisor.state);
	if (r < 0)
		return EXIT_FAILURE;
	hold_signals(SIG_BLOCK);
	r = listeners_open(config->listeners, config->n_listeners, &supervisor.listeners);
	if (r == 0) {
		r = run(&supervisor);
		listeners_close(&supervisor.listeners);
	}
	state_close(&supervisor.state);
	return r < 0 || supervisor.hopeless || supervisor.stop.killed ? EXIT_FAILURE : EXIT_SUCCESS;
}
