#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/parent/setup.h"
#include "daemon/parent/spawn.h"
#include "daemon/parent/supervisor.h"
#include "daemon/shared/executing.h"
#include "proto/dgram.h"

typedef Cek__Internal__V1__Control Control;

enum {
	BROKER_SPARE_FILES = 256, /* beside the connections */
	ENVIRONMENT_MAX = 128,
	WORKER_FDS = 2,           /* what travels with WorkerUp */
};

/* Of cekd's own environment, children get what log.h reads and, in test builds, the options of the sanitizers. */
static bool inherited(const char *entry)
{
	static const char *const names[] = {
		"JOURNAL_STREAM=",
#ifdef CEK_TEST_HOOKS
		"ASAN_OPTIONS=", "LSAN_OPTIONS=", "UBSAN_OPTIONS=",
#endif
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(entry, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/*
 * Tokens in software make and free hundreds of small objects for one unwrap. glibc keeps seven freed pieces of a size at
 * hand and merges the others each time; with two hundred AES key wrap in SoftHSM is a fifth faster.
 */
static const char malloc_keeps[] = "GLIBC_TUNABLES=glibc.malloc.tcache_count=200";

static bool same_name(const char *a, const char *b)
{
	const size_t len = strcspn(a, "=");

	return strncmp(a, b, len + 1) == 0;
}

static int build_environment(const struct supervisor *supervisor, bool module, char *ret_environment[ENVIRONMENT_MAX])
{
	size_t n = 0;

	for (char **entry = environ; *entry != NULL && n < ENVIRONMENT_MAX - 2; entry++)
		if (inherited(*entry))
			ret_environment[n++] = *entry;
	const size_t keeps = n;

	if (module)
		ret_environment[n++] = (char *)(uintptr_t)malloc_keeps;
	for (char **entry = supervisor->config->module_environment; module && *entry != NULL; entry++) {
		if (same_name(malloc_keeps, *entry)) {
			ret_environment[keeps] = *entry;
			continue;
		}
		if (n == ENVIRONMENT_MAX - 1)
			return -E2BIG;
		ret_environment[n++] = *entry;
	}
	ret_environment[n] = NULL;
	return 0;
}

static const struct account *account_of(const struct config *config, enum child_role role)
{
	if (!config->split_uids)
		return NULL;
	switch (role) {
	case CHILD_JOURNAL:
		return &config->journal;
	case CHILD_BROKER:
		return &config->broker;
	case CHILD_WORKER:
		break;
	}
	return &config->worker;
}

/* The process, without a word said to it yet. */
static int launch(struct supervisor *supervisor, struct child *child)
{
	static const char *const names[] = {
		[CHILD_JOURNAL] = "cekd-journal", [CHILD_BROKER] = "cekd-broker", [CHILD_WORKER] = "cekd-token",
	};
	char program[PATH_MAX], *environment[ENVIRONMENT_MAX];
	struct spawn what = {
		.program = program,
		.name = names[child->role],
		.environment = environment,
		.account = account_of(supervisor->config, child->role),
		.lock = supervisor->state.lock,
		/* Perhaps it is inside a login. It ends when the broker's end of its pair is gone. */
		.outlives = child->role == CHILD_WORKER || child->role == CHILD_JOURNAL,
		.files = child->role == CHILD_BROKER ? supervisor->config->limits.connections + BROKER_SPARE_FILES : 0,
	};
	int control[2], r;
	pid_t pid;

	if (snprintf(program, sizeof(program), "%s/%s", supervisor->programs, what.name) >= (int)sizeof(program))
		return -ENAMETOOLONG;
	r = build_environment(supervisor, child->role == CHILD_WORKER, environment);
	if (r == 0)
		r = dgram_pair(control);
	if (r < 0)
		return r;
	r = spawn(&what, control[1], &pid);
	(void)close(control[1]);
	if (r < 0) {
		(void)close(control[0]);
		return r;
	}
	child_started(child, pid, control[0]);
	return 0;
}

/* From now on its datagrams are read. A child that could not be told its setup cannot be used. */
static void attach(struct supervisor *supervisor, struct child *child, int setup_result)
{
	int r = setup_result;

	if (r == 0 && fcntl(child->control, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		r = -errno;
	if (r == 0) {
		child->readable = event_new(supervisor->base, child->control, EV_READ | EV_PERSIST, control_readable, child);
		if (child->readable == NULL || event_add(child->readable, NULL) < 0)
			r = -ENOMEM;
	}
	if (r < 0) {
		(void)snprintf(child->why, sizeof(child->why), "cannot be set up: %s", strerror(-r));
		log_error("%s: %s", child->name, child->why);
		child_kill(child, SIGKILL);
	}
}

static struct setup setup_for(const struct supervisor *supervisor, const struct child *child)
{
	return (struct setup){
		.config = supervisor->config, .control = child->control, .test_page = supervisor->test_page,
	};
}

void start_journal(struct supervisor *supervisor)
{
	struct child *child = &supervisor->journal;
	int r = state_open_journals(&supervisor->state, account_of(supervisor->config, CHILD_JOURNAL));

	if (r == 0)
		r = launch(supervisor, child);
	if (r == 0) {
		const struct setup setup = setup_for(supervisor, child);

		attach(supervisor, child, setup_journal(&setup, supervisor->journal_pair[0], &supervisor->state));
	} else {
		child_start_failed(child, r);
	}
}

void start_broker(struct supervisor *supervisor)
{
	struct child *child = &supervisor->broker;
	const int r = launch(supervisor, child);

	if (r < 0) {
		child_start_failed(child, r);
		return;
	}
	const struct setup setup = setup_for(supervisor, child);

	supervisor->broker_runs++;
	attach(supervisor, child, setup_broker(&setup, supervisor->journal_pair[1], &supervisor->listeners));
}

static void tell_worker_up(struct supervisor *supervisor, const struct child *child, const int fds[WORKER_FDS])
{
	Cek__Internal__V1__WorkerUp up = CEK__INTERNAL__V1__WORKER_UP__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	up.manage = child->manage;
	up.index = child->index;
	up.generation = child->generation;
	up.pid = (int32_t)child->pid;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_WORKER_UP;
	message.worker_up = &up;
	if (child_send(&supervisor->broker, &message, fds, WORKER_FDS) < 0)
		child_kill(&supervisor->broker, SIGKILL);
}

void tell_worker_gone(struct supervisor *supervisor, const struct child *child, bool hopeless)
{
	Cek__Internal__V1__WorkerGone gone = CEK__INTERNAL__V1__WORKER_GONE__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	if (supervisor->broker.control < 0)
		return;
	gone.manage = child->manage;
	gone.index = child->index;
	gone.generation = child->generation;
	gone.why = (char *)(uintptr_t)child->why;
	gone.hopeless = hopeless;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_WORKER_GONE;
	message.worker_gone = &gone;
	if (child_send(&supervisor->broker, &message, NULL, 0) == -EAGAIN)
		child_kill(&supervisor->broker, SIGKILL);
}

void start_worker(struct supervisor *supervisor, struct child *child)
{
	int pair[2] = {-1, -1}, executing = -1, pin = -1;
	int r = logins_open_pin(&supervisor->logins, supervisor->config->pin_file, &pin);

	child->generation = ++*(child->manage ? &supervisor->manage_starts : &supervisor->slots[child->index].starts);
	child->broker_run = supervisor->broker_runs;
	if (r == 0)
		r = executing = executing_create();
	if (r >= 0)
		r = dgram_pair(pair);
	if (r == 0)
		r = launch(supervisor, child);
	if (r == 0) {
		const struct setup setup = setup_for(supervisor, child);
		const int brokers[WORKER_FDS] = {pair[1], executing};

		attach(supervisor, child,
		       setup_worker(&setup, child->manage, child->index, child->generation, pair[0], executing, pin));
		tell_worker_up(supervisor, child, brokers);
	} else {
		child_start_failed(child, r);
		tell_worker_gone(supervisor, child, false);
	}
	for (size_t i = 0; i < 2; i++)
		if (pair[i] >= 0)
			(void)close(pair[i]);
	if (executing >= 0)
		(void)close(executing);
	if (pin >= 0)
		(void)close(pin);
}
