/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/jwks/follow.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/notify_socket.h"
#include "client/cekctl/jwks/file.h"
#include "client/cekctl/jwks/hook.h"
#include "client/cekctl/rpc/rpc.h"

enum {
	PAUSE_US = 100000,
	PAUSE_MAX_US = 1000000,
	POLL_US = 10000000,
};

struct follow {
	const struct ctl *ctl;
	const struct set_wanted *wanted;
	const char *file;
	cek_conn *conn;
	struct hook hook;
	struct notify_socket manager;
	bool told;            /* READY=1 */
	cek_call *watch;      /* NULL: none stands or is being asked for */
	uint64_t watch_until; /* monotonic: it has to say something by then; 0: it has */
	bool denied;          /* this peer may not watch */
	cek_call *asking;     /* for the set; NULL: not now */
	bool stale;           /* the ring may have moved since the set was asked for */
	bool ended;           /* nothing is started any more */
	uint64_t pause;       /* microseconds, grows */
	uint64_t next;        /* monotonic: not before that */
	uint64_t asked;       /* monotonic: when the set was asked for */
	char said[SET_TEXT];  /* what went wrong last; "": nothing */
	char warned[SET_WARNINGS][SET_TEXT];
};

static void went_wrong(struct follow *follow, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Each fault is told once, and tried again after a pause. */
static void went_wrong(struct follow *follow, const char *format, ...)
{
	char text[SET_TEXT];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (strcmp(text, follow->said) != 0)
		ctl_warn(follow->ctl, "%s; %s stays as it is", text, follow->file);
	memcpy(follow->said, text, sizeof(text));
	follow->pause = follow->pause * 2 < PAUSE_MAX_US ? follow->pause * 2 : PAUSE_MAX_US;
	follow->next = clock_monotonic_us() + follow->pause;
}

static void went_well(struct follow *follow)
{
	if (*follow->said)
		ctl_warn(follow->ctl, "%s is in step with cekd again", follow->file);
	follow->said[0] = '\0';
	follow->pause = PAUSE_US;
	if (follow->told)
		return;
	follow->told = true;
	if (notify_socket_send(&follow->manager, "READY=1") < 0)
		ctl_warn(follow->ctl, "cannot tell the service manager that %s is there", follow->file);
}

static void warn_of_set(struct follow *follow, const struct set *set)
{
	for (size_t i = 0; i < SET_WARNINGS && *set->warning[i]; i++)
		if (strcmp(follow->warned[i], set->warning[i]) != 0)
			ctl_warn(follow->ctl, "warning: %s", set->warning[i]);
	memcpy(follow->warned, set->warning, sizeof(follow->warned));
}

static void run_hook(struct follow *follow)
{
	char fault[HOOK_FAULT];

	if (!hook_changed(&follow->hook, clock_monotonic_us(), fault))
		ctl_warn(follow->ctl, "hook %s", fault);
}

static void put(struct follow *follow, const struct set *set, uint64_t epoch)
{
	char fault[FILE_FAULT];
	bool changed;

	if (!file_put(follow->file, set->text, &changed, fault)) {
		follow->stale = true;
		went_wrong(follow, "%s", fault);
		return;
	}
	went_well(follow);
	warn_of_set(follow, set);
	if (!changed)
		return;
	ctl_warn(follow->ctl, "%s written, epoch %llu: %s", follow->file, (unsigned long long)epoch, set->summary);
	run_hook(follow);
}

static void take(struct follow *follow, const cek_result *result)
{
	const struct cek_bytes bytes = cek_result_reply(result);
	Cek__V1__Reply *reply = cek__v1__reply__unpack(NULL, bytes.len, bytes.data);
	struct set_fault fault;
	struct set set;

	if (!reply)
		went_wrong(follow, "cekd's reply cannot be read");
	else if (!set_make(reply, follow->wanted, &set, &fault))
		went_wrong(follow, "%s: %s", fault.status, fault.text);
	else
		put(follow, &set, reply->epoch);
	if (reply)
		free(set.text);
	rpc_reply_free(reply);
}

/* What only a change of keys or rules can mend waits for one: the watch tells of both. */
static bool waits_for_change(int status)
{
	return status == CEK_UNKNOWN_KEY || status == CEK_DENIED || status == CEK_MALFORMED;
}

static void on_set(cek_call *call, cek_result *result, void *userdata)
{
	struct follow *follow = userdata;
	const int status = cek_result_status(result);

	follow->asking = NULL;
	if (follow->ended)
		return;
	if (status == CEK_OK) {
		take(follow, result);
		return;
	}
	went_wrong(follow, "%s: %s", cek_status_name(status), cek_result_message(result));
	follow->stale = follow->stale || !waits_for_change(status);
}

static void on_epoch(cek_call *call, cek_result *result, void *userdata)
{
	struct follow *follow = userdata;
	const int status = cek_result_status(result);

	if (status == CEK_OK) {
		follow->stale = true;
		follow->next = follow->watch_until = 0;
		return;
	}
	follow->watch = NULL;
	if (follow->ended)
		return;
	follow->denied = status == CEK_DENIED;
	if (follow->denied)
		ctl_warn(follow->ctl,
			"this user may not watch: asking every %d s (a rule with operation watch follows at once)",
			POLL_US / 1000000);
	else if (status == CEK_E_CANCELLED)
		went_wrong(follow, "%s: cekd does not say which epoch it is", cek_status_name(CEK_E_TIMEOUT));
	else
		went_wrong(follow, "%s: %s", cek_status_name(status), cek_result_message(result));
}

/* When something is to be started: UINT64_MAX if nothing is. Without a watch the set is asked for now and then; what
 * went wrong, and what only a change can mend, does not make that more often. */
static uint64_t due(const struct follow *follow)
{
	uint64_t due = UINT64_MAX;

	if ((!follow->watch && !follow->denied) || (!follow->asking && follow->stale))
		due = 0;
	else if (!follow->asking && follow->denied)
		due = follow->asked + POLL_US;
	return due < follow->next ? follow->next : due;
}

static void start_what_is_due(struct follow *follow)
{
	const struct cek_public_keys args = {.keys = follow->wanted->names, .n_keys = follow->wanted->n_names};
	const uint64_t now = clock_monotonic_us();
	int r = CEK_OK;

	if (follow->watch && follow->watch_until > 0 && now >= follow->watch_until)
		cek_call_cancel(follow->watch);
	if (now < due(follow))
		return;
	if (!follow->watch && !follow->denied) {
		r = cek_watch_start(follow->conn, on_epoch, follow, &follow->watch);
		follow->watch_until = now + follow->ctl->timeout * UINT64_C(1000000);
	}
	if (r == CEK_OK && !follow->asking && (follow->stale || follow->denied)) {
		r = cek_public_keys_start(follow->conn, &args, rpc_timeout(follow->ctl), on_set, follow,
			&follow->asking);
		follow->stale = r != CEK_OK;
		follow->asked = now;
	}
	if (r != CEK_OK)
		went_wrong(follow, "%s", cek_status_text(r));
}

static int sooner(int timeout, uint64_t until, uint64_t now)
{
	const uint64_t ms = until > now ? (until - now) / 1000 + 1 : 0;

	return timeout < 0 || ms < (uint64_t)timeout ? (int)ms : timeout;
}

static int next_timeout(const struct follow *follow)
{
	const uint64_t now = clock_monotonic_us();
	int timeout = cek_conn_timeout(follow->conn);

	if (due(follow) < UINT64_MAX)
		timeout = sooner(timeout, due(follow), now);
	if (follow->watch && follow->watch_until > 0)
		timeout = sooner(timeout, follow->watch_until, now);
	if (follow->hook.pid > 0)
		timeout = sooner(timeout, follow->hook.killed, now);
	return timeout;
}

static void look_at_hook(struct follow *follow)
{
	char fault[HOOK_FAULT];

	if (!hook_look(&follow->hook, clock_monotonic_us(), fault))
		ctl_warn(follow->ctl, "hook %s", fault);
	if (follow->hook.pid == 0 && follow->hook.again)
		run_hook(follow);
}

/* Until a signal comes. */
static int run(struct follow *follow, int signals)
{
	struct pollfd fds[] = {
		{.fd = signals, .events = POLLIN},
		{.fd = cek_conn_fd(follow->conn), .events = cek_conn_events(follow->conn)},
		{.events = POLLIN},
	};

	for (;;) {
		start_what_is_due(follow);
		fds[2].fd = follow->hook.pid > 0 ? follow->hook.fd : -1;
		if (poll(fds, sizeof(fds) / sizeof(fds[0]), next_timeout(follow)) < 0 && errno != EINTR)
			return ctl_fail(follow->ctl, "cannot wait: %s", strerror(errno));
		if (fds[0].revents)
			return EXIT_SUCCESS;
		look_at_hook(follow);
		cek_conn_process(follow->conn);
	}
}

int follow(const struct ctl *ctl, cek_conn *conn, const struct set_wanted *wanted, const char *file, const char *hook)
{
	struct follow follow = {.ctl = ctl,
		.wanted = wanted,
		.file = file,
		.conn = conn,
		.hook = {.program = hook, .file = file, .fd = -1},
		.manager = notify_socket(getenv("NOTIFY_SOCKET")),
		.stale = true,
		.pause = PAUSE_US};
	sigset_t mask;
	int signals, r;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signals = signalfd(-1, &mask, SFD_CLOEXEC);
	if (signals < 0)
		return ctl_fail(ctl, "cannot wait for signals: %s", strerror(errno));
	unsetenv("NOTIFY_SOCKET"); /* the hook has nothing to tell */
	r = run(&follow, signals);
	follow.ended = true;
	cek_call_cancel(follow.watch);
	cek_call_cancel(follow.asking);
	hook_stop(&follow.hook);
	close(signals);
	return r;
}
