/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/check_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/plural.h"
#include "daemon/parent/check_say.h"
#include "daemon/parent/children.h"
#include "daemon/parent/host/receipt_key.h"
#include "daemon/parent/setup.h"
#include "daemon/parent/spawn.h"
#include "daemon/parent/start.h"
#include "daemon/shared/executing.h"
#include "daemon/shared/sandbox.h"
#include "proto/dgram.h"
#include "proto/sequence_tables.h"

typedef Cek__Internal__V1__Checked Checked;
typedef Cek__Internal__V1__Control Control;

enum {
	ANSWER_MAX = 8192,      /* bytes */
	JOURNAL_SECONDS = 1800, /* of many gigabytes */
	TOKEN_MORE_SECONDS = 30,
	LOCKED_BYTES = 8 << 20, /* what a broker with some hundred connections locks */
};

/* ---- a child that answers with Checked ------------------------------------------------------------------------- */

/* 1: it has said something, or has ended; 0: the time is over. */
static int wait_for_word(const struct child *child, unsigned seconds)
{
	struct pollfd pollfd = {.fd = child->control, .events = POLLIN};
	int r;

	do {
		r = poll(&pollfd, 1, (int)seconds * 1000);
	} while (r < 0 && errno == EINTR);
	return r != 0;
}

static void print_found(const Checked *checked)
{
	for (size_t i = 0; i < checked->n_found; i++)
		check_say(checked->found[i]->warning ? CHECK_WARNING : CHECK_OK, checked->found[i]->what,
			checked->found[i]->text);
}

static int take(struct child *child, const Control *message, uint64_t *ret_last_time)
{
	if (message->what_case == CEK__INTERNAL__V1__CONTROL__WHAT_FAILING) {
		(void)snprintf(child->why, sizeof(child->why), "%s", message->failing->why); /* it has logged it */
		return -EINVAL;
	}
	print_found(message->checked);
	if (ret_last_time != NULL)
		*ret_last_time = message->checked->last_time;
	return CHECK_SAID;
}

static int hear(struct child *child, unsigned seconds, uint64_t *ret_last_time)
{
	static uint8_t buffer[ANSWER_MAX];
	char how[SEQUENCE_HOW_MAX];
	Control *message;
	ssize_t len;
	int r;

	if (!wait_for_word(child, seconds)) {
		log_error("%s (pid %d) has not answered within %u second%s", child->name, (int)child->pid, seconds,
			plural(seconds));
		child_kill(child, SIGKILL);
		return -ETIMEDOUT;
	}
	len = dgram_recv(child->control, MSG_DONTWAIT, buffer, sizeof(buffer), NULL, 0, NULL);
	if (len <= 0)
		return -ECHILD; /* how it ended is told below */
	message = cek__internal__v1__control__unpack(NULL, (size_t)len, buffer);
	if ((message ? sequence_take(&child->sequence, message->what_case, 0, how)
		     : sequence_no_message(&child->sequence, how)) == SEQUENCE_FITS) {
		r = take(child, message, ret_last_time);
	} else {
		log_error("%s (pid %d) %s: it is ended", child->name, (int)child->pid, how);
		child_kill(child, SIGKILL);
		r = -EPROTO;
	}
	cek__internal__v1__control__free_unpacked(message, NULL);
	return r;
}

/* Its last word, and its end, which is logged if it is not in order. */
static int finish(struct child *child, int setup_result, unsigned seconds, uint64_t *ret_last_time)
{
	int status = 0, r;

	sequence_init(&child->sequence, &sequence_checked_to_cekd, CHILD_STARTS);
	r = setup_result == 0 ? hear(child, seconds, ret_last_time) : setup_result;

	child->draining = r != -ECHILD;
	if (child->why[0] == '\0' && r < 0 && r != -ECHILD)
		(void)snprintf(child->why, sizeof(child->why), "is of no use");
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	child_ended(child, status);
	return r;
}

static int launch(const struct check_child *check, struct child *child)
{
	struct state none = {.lock = open("/dev/null", O_RDONLY | O_CLOEXEC)};
	struct start start = {
		.config = check->config,
		.programs = check->programs,
		.test_page = -1,
		.state = &none,
	};
	int r = none.lock < 0 ? -errno : 0;

	start_open_programs(&start);
	if (r == 0)
		r = start_launch(&start, child);
	start_close_programs(&start);
	if (r < 0)
		log_error("%s: cannot be started: %s", child->name, strerror(-r));
	if (none.lock >= 0)
		(void)close(none.lock);
	return r;
}

static struct setup setup_for(const struct check_child *check, const struct child *child)
{
	return (struct setup){
		.config = check->config,
		.control = child->control,
		.test_page = -1,
		.receipts = -1,
		.boot = "",
		.check = true,
	};
}

static void close_pair(const int pair[2])
{
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* ---- journal --------------------------------------------------------------------------------------------------- */

/* An audit journal that is missing is made by a start, which warns. */
static int open_audit(const struct state_found *found, int *ret_fd)
{
	const int r = state_look_at(found, "audit.jsonl", ret_fd);

	if (r != -ENOENT)
		return r;
	*ret_fd = memfd_create("audit.jsonl", MFD_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

static int ask_journal(const struct check_child *check, const struct state *state, uint64_t *ret_last_time)
{
	struct child child;
	int pair[2], r = dgram_pair(pair);

	if (r < 0)
		return log_origin(r);
	child_init(&child, CHILD_JOURNAL, false, 0);
	r = launch(check, &child);
	if (r == 0) {
		struct setup setup = setup_for(check, &child);

		setup.receipts = receipt_key_make(); /* of no use to anybody */
		r = finish(&child, setup_journal(&setup, pair[0], state), JOURNAL_SECONDS, ret_last_time);
		if (setup.receipts >= 0)
			(void)close(setup.receipts);
	}
	close_pair(pair);
	return r;
}

int check_journal(const struct check_child *check, const struct state_found *found, uint64_t *ret_last_time)
{
	struct state state = {.place = found->directory, .keys = -1, .audit = -1};
	int r = state_look_at(found, "keys.jsonl", &state.keys);

	if (r == -ENOENT) {
		check_say(CHECK_NOTE, "journals", "there is no keys.jsonl: a start makes an empty one");
		return CHECK_SAID;
	}
	if (r == 0)
		r = open_audit(found, &state.audit);
	if (r == 0)
		r = ask_journal(check, &state, ret_last_time);
	else
		log_error("%s: its journals cannot be read: %s", check->config->state_directory, strerror(-r));
	if (state.keys >= 0)
		(void)close(state.keys);
	if (state.audit >= 0)
		(void)close(state.audit);
	return r;
}

/* ---- token ----------------------------------------------------------------------------------------------------- */

int check_token(const struct check_child *check)
{
	struct child child;
	int pair[2], executing, r = dgram_pair(pair);

	if (r < 0)
		return log_origin(r);
	executing = executing_create();
	child_init(&child, CHILD_WORKER, false, 0);
	(void)snprintf(child.name, sizeof(child.name), "token");
	r = executing < 0 ? log_origin(executing) : launch(check, &child);
	if (r == 0) {
		const struct setup setup = setup_for(check, &child);

		r = finish(&child, setup_worker(&setup, false, 0, 0, pair[0], executing),
			check->config->call_timeout + TOKEN_MORE_SECONDS, NULL);
	}
	if (executing >= 0)
		(void)close(executing);
	close_pair(pair);
	return r;
}

/* ---- broker ---------------------------------------------------------------------------------------------------- */

struct place {
	int sandbox; /* 0 or -errno */
	char report[256];
	unsigned long long files, locked; /* RLIMIT_NOFILE; RLIMIT_MEMLOCK in KiB */
	bool lacks;                       /* fewer than it wants */
};

static bool can_lock(void)
{
	void *const memory = mmap(NULL, LOCKED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory != MAP_FAILED && mlock(memory, LOCKED_BYTES) == 0;
}

/* In a process of its own. What a limit costs is logged as at a start. */
static void take_place(const struct check_child *check, struct place *place)
{
	const struct config *config = check->config;
	const struct spawn what = {.name = "cekd-broker", .files = start_broker_files(config)};
	struct rlimit files = {0}, locked = {0};

	if (spawn_raise_files(&what) < 0 || spawn_become(config->split_uids ? &config->broker : NULL) < 0) {
		place->sandbox = -errno;
		(void)snprintf(place->report, sizeof(place->report), "its user cannot be taken: %s", strerror(errno));
		return;
	}
	(void)getrlimit(RLIMIT_NOFILE, &files);
	(void)getrlimit(RLIMIT_MEMLOCK, &locked);
	place->files = files.rlim_cur;
	place->locked = locked.rlim_cur / 1024;
	place->lacks = files.rlim_cur < what.files;
	if (!can_lock()) {
		place->lacks = true;
		log_warning("memory for CEKs cannot be locked beyond %llu KiB, so that they may reach swap: raise "
			    "LimitMEMLOCK (ulimit -l)",
			place->locked);
	}
	place->sandbox = sandbox_enter(SANDBOX_BROKER, config->sandbox, NULL, place->report, sizeof(place->report));
}

static int try_place(const struct check_child *check, struct place *ret_place)
{
	int ends[2], r = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return log_origin(-errno);
	pid = fork();
	if (pid == 0) {
		struct place place = {0};

		take_place(check, &place);
		_exit(write(ends[1], &place, sizeof(place)) == sizeof(place) ? 0 : 1);
	}
	(void)close(ends[1]);
	if (pid < 0 || read(ends[0], ret_place, sizeof(*ret_place)) != sizeof(*ret_place))
		r = log_origin(-ECHILD);
	(void)close(ends[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	return r;
}

int check_broker(const struct check_child *check)
{
	char text[CHECK_TEXT_MAX];
	struct place place;
	int r = try_place(check, &place);

	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), "broker: %llu descriptors, %llu KiB of locked memory", place.files,
		place.locked);
	if (place.locked >= RLIM_INFINITY / 1024)
		(void)snprintf(text, sizeof(text), "broker: %llu descriptors, locked memory without a limit",
			place.files);
	check_say(place.lacks ? CHECK_WARNING : CHECK_OK, "limits", text);
	if (place.sandbox < 0)
		log_error("sandbox = \"required\" cannot be met: %s", place.report);
	else
		check_say(CHECK_OK, "sandbox of broker", place.report);
	return place.sandbox < 0 ? place.sandbox : CHECK_SAID;
}
