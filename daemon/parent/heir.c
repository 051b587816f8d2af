/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/heir.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/parent/breach.h"
#include "daemon/parent/host/notify.h"
#include "daemon/parent/offer.h"
#include "daemon/shared/testhook.h"
#include "proto/dgram.h"
#include "proto/sequence_tables.h"

enum {
	PREPARE_SECONDS = 120, /* logins go one after the other, and each worker tries what the token can do */
	BROKER_SECONDS = 25,   /* ten of them until no key is being changed */
	JOURNAL_SECONDS = 10,
	GO_SECONDS = 30,
	END_MS = 50, /* how often it is looked whether all of it has gone */
	MESSAGE_MAX = 8192,
	SPARE_FD = 10,
	EXIT_NOT_STARTED = 127,
};

static void wait_ms(struct heir *heir, unsigned ms)
{
	const struct timeval wait = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	(void)evtimer_add(heir->timer, &wait);
}

static void close_pair(struct heir *heir)
{
	if (heir->readable != NULL)
		event_free(heir->readable);
	heir->readable = NULL;
	if (heir->pair >= 0)
		(void)close(heir->pair);
	heir->pair = -1;
}

static void close_all(struct heir *heir)
{
	close_pair(heir);
	if (heir->timer != NULL)
		event_free(heir->timer);
	heir->timer = NULL;
	if (heir->file >= 0)
		(void)close(heir->file);
	heir->file = -1;
}

/* When this process has closed the pair it ends, and so do its children, by themselves: one may be inside a login. */
static void give_up(struct heir *heir, const char *why)
{
	heir->broke = heir->stage >= HEIR_WAITS_FOR_BROKER;
	log_error("the hand-over is given up: %s; %s", why,
		heir->broke ? "broker and journal are started again" : "all goes on as before");
	close_pair(heir);
	heir->stage = HEIR_ENDS;
	wait_ms(heir, END_MS);
}

static void end(struct heir *heir)
{
	close_all(heir);
	heir->stage = HEIR_NONE;
	heir->broke = false;
	notify_status(heir->news->status);
	notify_ready();
	heir->family->changed(heir->family->owner);
}

/* Everyone of its process group is a child of this process. */
static void look_for_end(struct heir *heir)
{
	pid_t pid;

	do {
		pid = waitpid(-heir->pid, NULL, WNOHANG);
	} while (pid > 0);
	if (pid < 0 && errno == ECHILD)
		end(heir);
	else
		wait_ms(heir, END_MS);
}

static void on_timer(int fd, short what, void *data)
{
	struct heir *heir = data;

	(void)fd;
	(void)what;
	switch (heir->stage) {
	case HEIR_PREPARES:
		give_up(heir, "the new processes were not ready in time");
		return;
	case HEIR_WAITS_FOR_BROKER:
		log_warning("the broker does not end: killed");
		child_kill(&heir->family->broker, SIGKILL);
		return;
	case HEIR_WAITS_FOR_JOURNAL:
		log_warning("the journal does not end: killed");
		child_kill(&heir->family->journal, SIGKILL);
		return;
	case HEIR_GOES:
		give_up(heir, "the new processes do not serve");
		return;
	case HEIR_ENDS:
		look_for_end(heir);
		return;
	case HEIR_NONE:
	case HEIR_SERVES:
		return;
	}
}

/* A wrong PIN is tried once, by whomever. */
static void take_failing(struct heir *heir, const Cek__Internal__V1__Failing *failing)
{
	if (failing->class_ == CEK__INTERNAL__V1__FAILING__CLASS__PIN)
		logins_stop_for(heir->start->logins, heir->news->pin_file);
	give_up(heir, failing->why);
}

static void take_standing_by(struct heir *heir)
{
	testhook_step("hand-over.standing-by");
	log_info("the new processes stand by; what has been accepted is answered by the old ones");
	heir->stage = HEIR_WAITS_FOR_BROKER;
	child_drain_quietly(&heir->family->broker);
	wait_ms(heir, BROKER_SECONDS * 1000);
}

/* What comes after it is for the program that this process becomes. */
static void take_serving(struct heir *heir)
{
	testhook_step("hand-over.serving");
	heir->stage = HEIR_SERVES;
	(void)event_del(heir->readable);
	(void)event_del(heir->timer);
	(void)event_base_loopbreak(heir->family->base);
}

static void take(struct heir *heir, const Cek__Internal__V1__Heir *message)
{
	if (message->what_case == CEK__INTERNAL__V1__HEIR__WHAT_FAILING)
		take_failing(heir, message->failing);
	else if (message->what_case == CEK__INTERNAL__V1__HEIR__WHAT_STANDING_BY)
		take_standing_by(heir);
	else
		take_serving(heir);
}

/* Its children end by themselves: one may be inside a login. */
static void refuse(struct heir *heir, const char *how)
{
	breach_note(heir->family, SEQUENCE_HEIR_TO_CEKD, "the new cekd", how);
	(void)kill(heir->pid, SIGKILL);
	give_up(heir, how);
}

static void on_readable(int fd, short what, void *data)
{
	static uint8_t buffer[MESSAGE_MAX];
	struct heir *heir = data;
	const ssize_t len = dgram_recv(fd, MSG_DONTWAIT, buffer, sizeof(buffer), NULL, 0, NULL);
	char how[SEQUENCE_HOW_MAX];
	Cek__Internal__V1__Heir *message;

	(void)what;
	if (len == -EAGAIN)
		return;
	message = len > 0 ? cek__internal__v1__heir__unpack(NULL, (size_t)len, buffer) : NULL;
	if (len == 0 || len == -ECONNRESET)
		give_up(heir, "the new cekd has ended");
	else if ((message ? sequence_take(&heir->sequence, message->what_case, 0, how)
			  : sequence_no_message(&heir->sequence, how)) == SEQUENCE_FITS)
		take(heir, message);
	else
		refuse(heir, how);
	cek__internal__v1__heir__free_unpacked(message, NULL);
	heir->family->changed(heir->family->owner);
}

/* ---- starting it ------------------------------------------------------------------------------------------------ */

static void execute(const struct heir *heir)
{
	(void)execveat(heir->file, "", heir->arguments, environ, AT_EMPTY_PATH);
	if (errno == ENOENT || errno == ENOSYS) /* a script */
		(void)execve(heir->program, heir->arguments, environ);
}

static int keep_pair(int pair)
{
	const int spare = fcntl(pair, F_DUPFD_CLOEXEC, SPARE_FD);

	return spare < 0 || dup2(spare, OFFER_PAIR) < 0 ? -errno
							: close_range(OFFER_PAIR + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

static int launch(struct heir *heir, int theirs)
{
	heir->pid = fork();
	if (heir->pid < 0)
		return -errno;
	if (heir->pid == 0) {
		(void)setpgid(0, 0);
		if (keep_pair(theirs) == 0)
			execute(heir);
		log_error("starting %s: %s", heir->program, strerror(errno));
		_exit(EXIT_NOT_STARTED);
	}
	(void)setpgid(heir->pid, heir->pid); /* whoever is first */
	return 0;
}

static int send_offer(const struct heir *heir)
{
	Cek__Internal__V1__HandOver message = CEK__INTERNAL__V1__HAND_OVER__INIT;
	struct offer offer;

	offer_fill(&offer, heir->start->config, heir->start->state, heir->start->listeners, heir->sandboxed);
	message.what_case = CEK__INTERNAL__V1__HAND_OVER__WHAT_OFFER;
	message.offer = &offer.message;
	return dgram_send(heir->pair, &message.base, offer.fds, offer.n_fds);
}

static int begin(struct heir *heir)
{
	int pair[2];
	int r = dgram_pair(pair);

	if (r < 0)
		return r;
	heir->pair = pair[0];
	heir->file = open(heir->program, O_PATH | O_CLOEXEC);
	r = heir->file < 0 ? -errno : fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK);
	heir->timer = evtimer_new(heir->family->base, on_timer, heir);
	heir->readable = event_new(heir->family->base, pair[0], EV_READ | EV_PERSIST, on_readable, heir);
	if (r == 0 && (heir->timer == NULL || heir->readable == NULL || event_add(heir->readable, NULL) < 0))
		r = -ENOMEM;
	if (r == 0)
		r = send_offer(heir);
	if (r == 0)
		r = launch(heir, pair[1]);
	(void)close(pair[1]);
	return r;
}

static const char *why_not(const struct heir *heir)
{
	if (heir->stage != HEIR_NONE)
		return "one is under way already";
	if (!heir->news->announced || !heir->family->broker.ready || !heir->family->journal.ready)
		return "cekd does not serve itself: restart it";
	if (heir->start->logins->stopped)
		return "no login is tried after a wrong PIN: mend that first";
	return NULL;
}

void heir_begin(struct heir *heir)
{
	const char *why = why_not(heir);
	int r;

	if (why != NULL) {
		log_error("no hand-over: %s", why);
		return;
	}
	log_info("handing over to %s", heir->program);
	heir->pair = heir->file = -1;
	heir->ending = heir->reload = heir->broke = false;
	r = begin(heir);
	if (r < 0) {
		log_error("no hand-over: %s: %s", heir->program, strerror(-r));
		close_all(heir);
		return;
	}
	heir->stage = HEIR_PREPARES;
	sequence_init(&heir->sequence, &sequence_heir_to_cekd, HEIR_PREPARING);
	notify_reloading();
	notify_status("handing over to a new generation");
	wait_ms(heir, PREPARE_SECONDS * 1000);
}

/* ---- while it is there ------------------------------------------------------------------------------------------ */

bool heir_stop(struct heir *heir)
{
	if (heir->stage == HEIR_NONE || heir->stage == HEIR_ENDS)
		return false;
	heir->ending = heir->stage >= HEIR_GOES;
	if (!heir->ending)
		give_up(heir, "cekd is to stop");
	return heir->ending;
}

static void go(struct heir *heir)
{
	Cek__Internal__V1__HandOver message = CEK__INTERNAL__V1__HAND_OVER__INIT;
	Cek__Internal__V1__Go order = CEK__INTERNAL__V1__GO__INIT;
	int r;

	testhook_step("hand-over.going");
	message.what_case = CEK__INTERNAL__V1__HAND_OVER__WHAT_GO;
	message.go = &order;
	heir->stage = HEIR_GOES;
	wait_ms(heir, GO_SECONDS * 1000);
	r = dgram_send(heir->pair, &message.base, NULL, 0);
	sequence_sent(&heir->sequence, message.what_case);
	if (r < 0)
		give_up(heir, strerror(-r));
}

/* The broker cannot answer what it accepted before the records of that are written. */
static void wait_for_broker(struct heir *heir)
{
	struct family *family = heir->family;

	if (family->broker.pid != 0) {
		if (family->journal.pid == 0)
			start_journal(heir->start);
		return;
	}
	child_drain(&family->journal);
	heir->stage = HEIR_WAITS_FOR_JOURNAL;
	wait_ms(heir, JOURNAL_SECONDS * 1000);
}

bool heir_step(struct heir *heir)
{
	if (heir->stage == HEIR_PREPARES && (heir->family->broker.pid == 0 || heir->family->journal.pid == 0))
		give_up(heir, "broker or journal has ended");
	if (heir->stage == HEIR_WAITS_FOR_BROKER)
		wait_for_broker(heir);
	if (heir->stage == HEIR_WAITS_FOR_JOURNAL && heir->family->journal.pid == 0)
		go(heir);
	return heir->broke || (heir->stage >= HEIR_WAITS_FOR_BROKER && heir->stage <= HEIR_SERVES);
}

void heir_reap(struct heir *heir)
{
	int status;

	if (heir->stage == HEIR_ENDS) {
		look_for_end(heir);
	} else if (heir->stage != HEIR_SERVES && waitpid(heir->pid, &status, WNOHANG) == heir->pid) {
		/* It says why before it ends, unless it could not even be started. */
		on_readable(heir->pair, EV_READ, heir);
		if (heir->stage != HEIR_ENDS && heir->stage != HEIR_SERVES)
			give_up(heir, "the new cekd has ended");
	}
}

bool heir_is_gone(const struct heir *heir)
{
	return heir->stage == HEIR_NONE;
}

/* What came for this process and was not seen to yet is told to its program by the same signals, which stay blocked
 * until that listens. */
void heir_become(struct heir *heir)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR2};
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		(void)sigaddset(&set, numbers[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)event_base_loop(heir->family->base, EVLOOP_NONBLOCK);
	if (heir->reload)
		(void)kill(getpid(), SIGHUP);
	if (heir->ending)
		(void)kill(getpid(), SIGTERM);
	notify_close();
	if (keep_pair(heir->pair) == 0)
		execute(heir);
	log_error("%s: %s: cekd must end", heir->program, strerror(errno));
}

void heir_deinit(struct heir *heir)
{
	if (heir->stage != HEIR_NONE)
		close_all(heir);
	heir->stage = HEIR_NONE;
}
