/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/start.h"

#include <errno.h>
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
#include "daemon/parent/tell.h"
#include "daemon/shared/executing.h"
#include "daemon/shared/orphan.h"
#include "proto/dgram.h"

enum {
	BROKER_SPARE_FILES = 256, /* beside the connections */
	ENVIRONMENT_MAX = 128,
};

/* Of cekd's own environment, children get what log.h reads and, in test builds, the options of the sanitizers. */
static bool inherited(const char *entry)
{
	static const char *const names[] = {
		"JOURNAL_STREAM=",
#ifdef CEK_TEST_HOOKS
		"ASAN_OPTIONS=",
		"LSAN_OPTIONS=",
		"UBSAN_OPTIONS=",
#endif
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(entry, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/*
 * Tokens in software make and free hundreds of small objects for one unwrap. glibc keeps seven freed pieces of a size
 * at hand and merges the others each time; with two hundred AES key wrap in SoftHSM is a fifth faster.
 */
static const char malloc_keeps[] = "GLIBC_TUNABLES=glibc.malloc.tcache_count=200";

static bool same_name(const char *a, const char *b)
{
	const size_t len = strcspn(a, "=");

	return strncmp(a, b, len + 1) == 0;
}

static int build_environment(const struct config *config, bool module, char *ret_environment[ENVIRONMENT_MAX])
{
	size_t n = 0;

	for (char **entry = environ; *entry != NULL && n < ENVIRONMENT_MAX - 2; entry++)
		if (inherited(*entry))
			ret_environment[n++] = *entry;
	const size_t keeps = n;

	if (module)
		ret_environment[n++] = (char *)(uintptr_t)malloc_keeps;
	for (char **entry = config->module_environment; module && *entry != NULL; entry++) {
		if (same_name(malloc_keeps, *entry)) {
			ret_environment[keeps] = *entry;
			continue;
		}
		if (n == ENVIRONMENT_MAX - 1)
			return log_origin(-E2BIG);
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

unsigned start_broker_files(const struct config *config)
{
	return config->limits.connections + BROKER_SPARE_FILES;
}

static const char *const names[START_PROGRAMS] = {
	[CHILD_JOURNAL] = "cekd-journal",
	[CHILD_BROKER] = "cekd-broker",
	[CHILD_WORKER] = "cekd-token",
};

void start_open_programs(struct start *start)
{
	char program[PATH_MAX];

	for (size_t i = 0; i < START_PROGRAMS; i++) {
		(void)snprintf(program, sizeof(program), "%s/%s", start->programs, names[i]);
		start->files[i] = open(program, O_PATH | O_CLOEXEC);
	}
}

void start_close_programs(struct start *start)
{
	for (size_t i = 0; i < START_PROGRAMS; i++) {
		if (start->files[i] >= 0)
			(void)close(start->files[i]);
		start->files[i] = -1;
	}
}

int start_launch(const struct start *start, struct child *child)
{
	char program[PATH_MAX], *environment[ENVIRONMENT_MAX];
	struct spawn what = {
		.program = program,
		.file = start->files[child->role],
		.sibling = start->heir,
		.name = names[child->role],
		.environment = environment,
		.account = account_of(start->config, child->role),
		.lock = start->state->lock,
		/* The journal writes what the broker sent, whose replies have left. */
		.orphan = child->role == CHILD_JOURNAL ? ORPHAN_TOLD : SIGKILL,
		.files = child->role == CHILD_BROKER ? start_broker_files(start->config) : 0,
	};
	int control[2], r;
	pid_t pid;

	if (snprintf(program, sizeof(program), "%s/%s", start->programs, what.name) >= (int)sizeof(program))
		return log_origin(-ENAMETOOLONG);
	r = build_environment(start->config, child->role == CHILD_WORKER, environment);
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
static void attach(const struct start *start, struct child *child, int setup_result)
{
	int r = setup_result;

	if (r == 0)
		r = child_listen(child, start->family->base, news_heard, start->news);
	if (r < 0) {
		(void)snprintf(child->why, sizeof(child->why), "cannot be set up: %s", strerror(-r));
		log_error("%s: %s", child->name, child->why);
		child->deaf = true;
		child_kill(child, SIGKILL);
	}
}

static struct setup setup_for(const struct start *start, const struct child *child)
{
	return (struct setup){
		.config = start->config,
		.control = child->control,
		.test_page = start->test_page,
		.receipts = start->receipts,
		.boot = start->boot,
		.broken = start->family->broken,
		.stand_by = start->heir,
	};
}

static void not_started(struct child *child, int error)
{
	char why[sizeof(child->why)];

	(void)snprintf(why, sizeof(why), "cannot be started: %s", strerror(-error));
	child_start_failed(child, why);
}

/* In the words that Status shows: who looks for the reason has no other sight of the file. */
static void no_pin(struct child *child, const char *path, int error)
{
	char why[sizeof(child->why)];

	(void)snprintf(why, sizeof(why), "PIN: the pin-file %s cannot be used: %s", path, strerror(-error));
	child_start_failed(child, why);
}

void start_journal(struct start *start)
{
	struct child *child = &start->family->journal;
	int r = state_open_journals(start->state, account_of(start->config, CHILD_JOURNAL));

	child->failing = r == -EPERM || r == -EACCES || r == -EMLINK ? CEK__INTERNAL__V1__FAILING__CLASS__JOURNAL
								     : CEK__INTERNAL__V1__FAILING__CLASS__UNKNOWN;
	if (r == 0)
		r = start_launch(start, child);
	if (r == 0) {
		const struct setup setup = setup_for(start, child);

		attach(start, child, setup_journal(&setup, start->journal_pair[0], start->state));
	} else {
		not_started(child, r);
	}
}

void start_broker(struct start *start)
{
	struct child *child = &start->family->broker;
	const int r = start_launch(start, child);

	if (r < 0) {
		not_started(child, r);
		return;
	}
	const struct setup setup = setup_for(start, child);

	start->family->broker_runs++;
	attach(start, child, setup_broker(&setup, start->journal_pair[1], start->listeners));
}

static unsigned next_generation(struct family *family, const struct child *worker)
{
	return ++*(worker->manage ? &family->manage_starts : &family->slots[worker->index].starts);
}

void start_worker(struct start *start, struct child *child)
{
	int pair[2] = {-1, -1}, executing = -1, pin = -1;
	int r = logins_open_pin(start->logins, start->config->pin_file, &pin);

	/* Only looked at here: it gets it when it asks (pins.h). */
	if (pin >= 0)
		(void)close(pin);
	child->generation = next_generation(start->family, child);
	child->broker_run = start->family->broker_runs;
	if (r == 0)
		r = executing = executing_create();
	if (r >= 0)
		r = dgram_pair(pair);
	if (r == 0)
		r = start_launch(start, child);
	if (r == 0) {
		const struct setup setup = setup_for(start, child);
		const int brokers[TELL_WORKER_FDS] = {pair[1], executing};

		r = child_watch(child, executing);
		if (r == 0)
			r = setup_worker(&setup, child->manage, child->index, child->generation, pair[0], executing);
		attach(start, child, r);
		tell_worker_up(&start->family->broker, child, brokers);
		executing = -1; /* the child's */
	} else {
		if (pin < 0)
			no_pin(child, start->config->pin_file, r);
		else
			not_started(child, r);
		tell_worker_gone(&start->family->broker, child, true, false);
	}
	for (size_t i = 0; i < 2; i++)
		if (pair[i] >= 0)
			(void)close(pair[i]);
	if (executing >= 0)
		(void)close(executing);
}
