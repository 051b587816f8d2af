/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/supervisor.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/parent/family.h"
#include "daemon/parent/ground.h"
#include "daemon/parent/heir.h"
#include "daemon/parent/host/listeners.h"
#include "daemon/parent/host/logins.h"
#include "daemon/parent/host/notify.h"
#include "daemon/parent/host/receipt_key.h"
#include "daemon/parent/host/state.h"
#include "daemon/parent/inherit.h"
#include "daemon/parent/judge.h"
#include "daemon/parent/news.h"
#include "daemon/parent/reload.h"
#include "daemon/parent/slots.h"
#include "daemon/parent/start.h"
#include "daemon/parent/stop.h"
#include "daemon/parent/take_over.h"
#include "daemon/parent/tell.h"
#include "daemon/shared/sandbox.h"
#include "proto/dgram.h"

static const int watched[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT, SIGUSR2};

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
	struct judge judge;
	struct heir heir;
	struct take_over take_over;
	struct event *signals[N_SIGNALS];
	bool hopeless; /* stopped, since an operator must mend something first */
};

/* What an operator must mend before a first start can succeed ends cekd, so that the start is seen to fail. The first
 * start has succeeded when the broker got ready: then only time is needed. */
static bool needs_operator(const struct supervisor *supervisor, const struct child *child)
{
	return (child->failing == CEK__INTERNAL__V1__FAILING__CLASS__CONFIGURATION ||
		       child->failing == CEK__INTERNAL__V1__FAILING__CLASS__JOURNAL) &&
		child->role != CHILD_WORKER && supervisor->family.broker.ready_us == 0;
}

/* The loop may not run yet: its first turn does the rest. */
static void give_up(struct supervisor *supervisor)
{
	supervisor->hopeless = true;
	if (supervisor->stop.begun || heir_stop(&supervisor->heir))
		return;
	stop_begin(&supervisor->stop);
	family_wake(&supervisor->family, 0, clock_monotonic_us());
}

/* Start whatever ought to run and does not, or, while stopping, end whatever still runs. Called after every change. */
static void step(struct supervisor *supervisor)
{
	struct family *family = &supervisor->family;
	const uint64_t now = clock_monotonic_us();

	if (supervisor->stop.begun) {
		stop_step(&supervisor->stop);
		return;
	}
	if (heir_step(&supervisor->heir))
		return;
	if (child_due(&family->journal, now)) {
		start_journal(&supervisor->start);
		if (family->journal.pid == 0 && needs_operator(supervisor, &family->journal)) {
			give_up(supervisor);
			return;
		}
	}
	if (family->journal.ready && child_due(&family->broker, now))
		start_broker(&supervisor->start);
	if (family->broker.ready)
		slots_fill(&supervisor->start, now, !heir_is_gone(&supervisor->heir));
	if (family->journal.pid == 0)
		family_wake(family, family->journal.not_before_us, now);
	if (family->broker.pid == 0 && family->journal.ready) /* which wakes us when it gets so */
		family_wake(family, family->broker.not_before_us, now);
	take_over_step(&supervisor->take_over);
}

static void on_changed(void *data)
{
	step(data);
}

/* SIGTERM, SIGINT. */
static void stop(struct supervisor *supervisor)
{
	if (supervisor->stop.begun || heir_stop(&supervisor->heir))
		return;
	stop_begin(&supervisor->stop);
	step(supervisor);
}

static void child_gone(struct supervisor *supervisor, struct child *child, int status)
{
	struct family *family = &supervisor->family;

	news_read(&supervisor->news, child); /* its last words */

	const bool absent = !child->ready;

	child_ended(child, status);
	news_pins(&supervisor->news);
	if (child->role == CHILD_BROKER)
		news_reloaded(&supervisor->news);
	if (child->role == CHILD_BROKER && heir_is_gone(&supervisor->heir))
		notify_status("the broker is being started again");
	if (child->role == CHILD_WORKER && child->broker_run == family->broker_runs)
		tell_worker_gone(&family->broker, child, absent,
			child->failing == CEK__INTERNAL__V1__FAILING__CLASS__PIN);
	if (needs_operator(supervisor, child))
		give_up(supervisor);
}

static void reap_own(struct family *family, struct child *child, void *data)
{
	int status;

	(void)family;
	if (waitpid(child->pid, &status, WNOHANG) == child->pid)
		child_gone(data, child, status);
}

/* SIGCHLD. */
static void reap(struct supervisor *supervisor)
{
	pid_t pid;
	int status;

	if (!heir_is_gone(&supervisor->heir)) {
		family_each(&supervisor->family, reap_own, supervisor);
		heir_reap(&supervisor->heir);
		step(supervisor);
		return;
	}
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *child = family_find(&supervisor->family, pid);

		if (child != NULL)
			child_gone(supervisor, child, status);
	}
	step(supervisor);
}

/* SIGHUP: rules and limits from the file, and a new try with the PIN. */
static bool take_configuration(struct supervisor *supervisor)
{
	tell_confirmed(&supervisor->family.journal); /* before the broker confirms it */
	if (reload(supervisor->config, supervisor->options->config_path, &supervisor->family.broker) < 0)
		return false;
	logins_resume(&supervisor->logins);
	supervisor->heir.reload = true; /* it may have read the file before */
	return true;
}

static void take_reload(struct supervisor *supervisor)
{
	struct news *news = &supervisor->news;

	if (news->told && heir_is_gone(&supervisor->heir)) {
		notify_reloading();
		news->reloading = true;
	}
	if (!take_configuration(supervisor) || supervisor->family.broker.pid == 0)
		news_reloaded(news);
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
	else if (number == SIGUSR2)
		heir_begin(&supervisor->heir);
	else
		stop(supervisor);
}

/* Between the first socket file and the first handler nothing may end cekd: the file would stay. */
static void hold_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < N_SIGNALS; i++)
		(void)sigaddset(&set, watched[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Unlike SIG_IGN it forgets none that is blocked: see heir_become(). */
static void ignore(int number)
{
	(void)number;
}

/* An heir is told what to do by the one that serves, which gets the signals. ignore() is in force again when the event
 * is gone, until the sockets are. */
static int watch_signals(struct supervisor *supervisor)
{
	const struct sigaction action = {.sa_handler = ignore, .sa_flags = SA_RESTART};
	sigset_t none;

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < N_SIGNALS; i++) {
		(void)sigaction(watched[i], &action, NULL);
		if (supervisor->take_over.active)
			continue;
		supervisor->signals[i] = evsignal_new(supervisor->family.base, watched[i], on_signal, supervisor);
		if (supervisor->signals[i] == NULL || evsignal_add(supervisor->signals[i], NULL) < 0)
			return log_origin(-ENOMEM);
	}
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* one that has come meanwhile is heard now */
	return 0;
}

/* One that was inherited stays, and another one on top of it would slow down all children. */
static int enter_sandbox(struct supervisor *supervisor)
{
	const struct inheritance *inheritance = supervisor->options->inheritance;
	const bool inherited = inheritance != NULL && inheritance->handed.sandboxed;
	char report[160];
	const int r = inherited
		? sandbox_reenter(supervisor->config->sandbox)
		: sandbox_enter(SANDBOX_PARENT, supervisor->config->sandbox, NULL, report, sizeof(report));

	supervisor->heir.sandboxed = inherited || strcmp(supervisor->config->sandbox, "off") != 0;

	if (r < 0)
		log_error("sandbox = \"required\" cannot be met: %s", report);
	return r;
}

static int loop(struct supervisor *supervisor)
{
	int r = watch_signals(supervisor);

	if (r == 0)
		r = enter_sandbox(supervisor);
	if (r == 0) {
		reap(supervisor); /* whoever ended while nobody looked */
		r = event_base_dispatch(supervisor->family.base) < 0 ? log_origin(-EIO) : 0;
	}
	if (supervisor->heir.stage == HEIR_SERVES) {
		heir_become(&supervisor->heir);
		r = log_origin(-EIO);
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
	int r = family_init(family, base, config->workers, on_changed, supervisor);

	if (r == 0)
		r = judge_init(&supervisor->judge, family, config->hang_seconds, config->call_timeout);
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
		.receipts = supervisor->start.receipts,
		.state = &supervisor->state,
		.logins = &supervisor->logins,
		.listeners = &supervisor->listeners,
		.journal_pair = {journal_pair[0], journal_pair[1]},
		.heir = supervisor->options->inheritance != NULL && supervisor->options->inheritance->heir,
	};
	start_open_programs(&supervisor->start);
	boot_read(supervisor->start.boot);
	supervisor->stop = (struct stop){
		.family = family,
		.start = &supervisor->start,
		.heir = &supervisor->heir,
		.call_timeout = config->call_timeout,
	};
	return r;
}

/* Between two cekds: one of them, or neither. */
static int take_part(struct supervisor *supervisor)
{
	struct inheritance *inheritance = supervisor->options->inheritance;
	struct news *news = &supervisor->news;
	int r;

	supervisor->heir = (struct heir){
		.family = &supervisor->family,
		.start = &supervisor->start,
		.news = news,
		.program = supervisor->options->program,
		.arguments = supervisor->options->arguments,
	};
	if (inheritance == NULL)
		return 0;
	if (inheritance->heir) {
		supervisor->take_over = (struct take_over){
			.family = &supervisor->family,
			.start = &supervisor->start,
			.news = news,
			.listeners = &supervisor->listeners,
			.handed = &inheritance->handed,
			.config = inheritance->config,
		};
		return take_over_begin(&supervisor->take_over);
	}
	r = inherit_children(inheritance, &supervisor->family, news);
	notify_status(news->status);
	if (r == 0 && news->announced) {
		log_info("handed over: the new processes serve");
		notify_ready();
	}
	return r;
}

static int run(struct supervisor *supervisor)
{
	const struct inheritance *inheritance = supervisor->options->inheritance;
	const bool inherits = inheritance != NULL && !inheritance->heir;
	int journal_pair[2];
	struct event_base *base;
	int receipts, r = 0;

	if (inherits)
		memcpy(journal_pair, inheritance->journal_pair, sizeof(journal_pair));
	else
		r = dgram_pair(journal_pair);
	if (r < 0)
		return log_origin(r);
	receipts = inherits ? inheritance->receipts : receipt_key_make();
	base = receipts < 0 ? NULL : event_base_new();
	if (base != NULL) {
		supervisor->start.receipts = receipts;
		r = put_together(supervisor, base, journal_pair);
		if (r == 0)
			r = take_part(supervisor);
		r = r < 0 ? log_origin(r) : loop(supervisor);
		stop_deinit(&supervisor->stop);
		heir_deinit(&supervisor->heir);
		take_over_deinit(&supervisor->take_over);
		start_close_programs(&supervisor->start);
		judge_deinit(&supervisor->judge);
		family_deinit(&supervisor->family);
		event_base_free(base);
	} else {
		r = log_origin(-ENOMEM);
	}
	(void)close(journal_pair[0]);
	(void)close(journal_pair[1]);
	if (receipts >= 0)
		(void)close(receipts);
	return r;
}

int supervisor_run(const struct supervisor_options *options)
{
	static struct supervisor supervisor;
	int r;

	supervisor = (struct supervisor){.options = options, .config = options->config};
	hold_signals();
	r = ground_take(options->config, options->inheritance, &supervisor.state, &supervisor.listeners);
	if (r < 0)
		return EXIT_FAILURE;
	r = run(&supervisor);
	listeners_close(&supervisor.listeners);
	state_close(&supervisor.state);
	return r < 0 || supervisor.hopeless || supervisor.stop.killed ? EXIT_FAILURE : EXIT_SUCCESS;
}
