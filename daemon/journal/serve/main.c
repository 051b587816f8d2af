/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cekd-journal: appends records that keep the law, chains them by hash, makes them durable; decides nothing else.
 *
 * Descriptor 3 is the pair with cekd. Its first message, Setup, brings the pair with the broker, the two files,
 * their directory and the key of the receipts, so that this process opens nothing.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/journal/file/audit_file.h"
#include "daemon/journal/file/store_file.h"
#include "daemon/journal/law/law.h"
#include "daemon/journal/serve/check.h"
#include "daemon/journal/serve/serve.h"
#include "daemon/journal/serve/stand_by.h"
#include "daemon/shared/orphan.h"
#include "daemon/shared/receipt.h"
#include "daemon/shared/sandbox.h"
#include "daemon/shared/testhook.h"
#include "proto/dgram.h"
#include "proto/internal.pb-c.h"

enum {
	CONTROL_FD = 3,
	FD_BROKER = 0, /* order of the descriptors, as internal.proto states it */
	FD_KEYS,
	FD_AUDIT,
	FD_DIRECTORY,
	FD_RECEIPTS,
	FD_TEST_PAGE,
	N_FDS = FD_TEST_PAGE,
};

/* cekd decides when this process ends: a signal to the whole group must not stop it before the broker's last records.
 * SIGXFSZ would kill it where EFBIG can be reported. */
static void ignore_signals(void)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGXFSZ};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_IGN);
}

static int receive_setup(uint8_t *buffer, int fds[N_FDS + 1], Cek__Internal__V1__Setup **ret_setup)
{
	Cek__Internal__V1__Setup *setup;
	size_t n_fds = 0;
	ssize_t len;

	len = dgram_recv(CONTROL_FD, 0, buffer, DGRAM_MAX, fds, N_FDS + 1, &n_fds);
	if (len <= 0)
		return len < 0 ? (int)len : -EPIPE;
	setup = cek__internal__v1__setup__unpack(NULL, (size_t)len, buffer);
	if (!setup || setup->role_case != CEK__INTERNAL__V1__SETUP__ROLE_JOURNAL ||
		n_fds != (setup->test_clock ? N_FDS + 1 : N_FDS)) {
		cek__internal__v1__setup__free_unpacked(setup, NULL);
		return -EPROTO;
	}
	*ret_setup = setup;
	return 0;
}

static int send_control(Cek__Internal__V1__Control *control)
{
	return dgram_send(CONTROL_FD, &control->base, NULL, 0);
}

static int send_ready(void)
{
	Cek__Internal__V1__Control control = CEK__INTERNAL__V1__CONTROL__INIT;
	Cek__Internal__V1__Ready ready = CEK__INTERNAL__V1__READY__INIT;

	control.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_READY;
	control.ready = &ready;
	return send_control(&control);
}

static void send_failing(const char *why)
{
	Cek__Internal__V1__Control control = CEK__INTERNAL__V1__CONTROL__INIT;
	Cek__Internal__V1__Failing failing = CEK__INTERNAL__V1__FAILING__INIT;

	failing.class_ = CEK__INTERNAL__V1__FAILING__CLASS__JOURNAL;
	failing.why = (char *)why;
	control.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_FAILING;
	control.failing = &failing;
	(void)send_control(&control);
}

/* cekd --check: how the two are, and the end. */
static int check_journals(const struct serve *serve)
{
	Cek__Internal__V1__Control control = CEK__INTERNAL__V1__CONTROL__INIT;
	Cek__Internal__V1__Checked checked = CEK__INTERNAL__V1__CHECKED__INIT;
	struct check check;
	int r;

	if (check_trouble(serve)) {
		send_failing(check_trouble(serve));
		return 0;
	}
	r = check_fill(&check, serve, &checked);
	if (r < 0)
		return r;
	control.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_CHECKED;
	control.checked = &checked;
	return send_control(&control);
}

/* Until cekd wants the end. If cekd is gone itself, its children go too, and the end comes on the broker's pair: what
 * the broker has sent by then belongs to replies that have left, and is written. */
static int loop(struct serve *serve)
{
	struct control *control = serve->pair.control;
	struct pollfd fds[SERVE_FDS] = {[SERVE_CONTROL] = {.events = POLLIN}};
	int r = 0;

	while (r == 0 && !serve->pair.closed && !control->end) {
		fds[SERVE_CONTROL].fd = control->fd;
		r = serve_wait(serve, fds);
		if (r < 0)
			return r;
		if (fds[SERVE_CONTROL].revents)
			control_read(control);
		if (fds[SERVE_PAIR].revents)
			r = serve_readable(serve);
		if (r == 0)
			r = serve_time(serve);
	}
	return r < 0 ? r : serve_finish(serve);
}

/* The journals: which ones these are, nobody else knows. */
static int open_journals(struct serve *serve, const Cek__Internal__V1__JournalSetup *journal, const int *fds)
{
	int (*const open_keys)(int, int, const char *, struct store **) = journal->check ? store_file_open_to_look
											 : store_file_open;
	struct audit_file_setup audit = {
		.fd = fds[FD_AUDIT],
		.directory = fds[FD_DIRECTORY],
		.path = journal->directory,
		.version = journal->version,
		.read_only = journal->check,
	};
	struct store_state keys;
	int r;

	if (journal->stand_by) {
		r = store_file_stand_by(fds[FD_KEYS], fds[FD_DIRECTORY], journal->directory, &serve->store);
		return r < 0 ? r : audit_file_stand_by(&audit, serve->evidence, &serve->audit);
	}
	r = open_keys(fds[FD_KEYS], fds[FD_DIRECTORY], journal->directory, &serve->store);
	if (r < 0)
		return r;
	keys = store_state(serve->store);
	audit.keys = &keys;
	return audit_file_open(&audit, serve->evidence, &serve->audit);
}

/* One that stands by tells its state when it has one. */
static int serve_broker(struct serve *serve, bool stands_by)
{
	int r = stands_by ? 0 : serve_announce(serve);

	testhook_step("journal.not-ready");
	if (r == 0)
		r = send_ready();
	if (r == 0 && stands_by) {
		r = stand_by(serve);
		if (r <= 0)
			return r;
		r = serve_announce(serve);
	}
	return r < 0 ? r : loop(serve);
}

static int serve_all(struct serve *serve, bool stands_by)
{
	int r = serve_init(serve);

	if (r == 0)
		r = serve_broker(serve, stands_by);
	serve_deinit(serve);
	return r;
}

/* Nothing but this process and the manage worker can read the key once they have. */
static int know_the_law(struct serve *serve, const Cek__Internal__V1__JournalSetup *journal, int fd)
{
	static struct arena arena;
	const uint8_t *key;
	int r = receipt_read_key(fd, &arena, &key);

	(void)close(fd);
	return r < 0 ? r : law_new(journal->boot, journal->destroy_wait_min, key, &serve->law);
}

static int run(const Cek__Internal__V1__Setup *setup, const int *fds)
{
	const Cek__Internal__V1__JournalSetup *journal = setup->journal;
	static struct evidence evidence;
	static struct control control;
	struct serve serve = {
		.pair = {.fd = fds[FD_BROKER], .control = &control},
		.evidence = &evidence,
		.audit_durable = journal->audit_durable,
		.sync_us = (uint64_t)journal->sync_ms * 1000,
	};
	char report[256];
	int r = control_init(&control, CONTROL_FD, journal->stand_by);

	if (r == 0)
		r = orphan_bound();
	if (r == 0)
		r = know_the_law(&serve, journal, fds[FD_RECEIPTS]);
	if (r < 0)
		return r;
	r = sandbox_enter(SANDBOX_JOURNAL, setup->sandbox, NULL, report, sizeof(report));
	if (r < 0) {
		log_error("sandbox = required, but: %s", report);
		return r;
	}
	serve.sandbox = report;
	r = open_journals(&serve, journal, fds);
	if (r == 0)
		law_set_identity(serve.law, store_state(serve.store).identity);
	if (r == 0)
		r = journal->check ? check_journals(&serve) : serve_all(&serve, journal->stand_by);
	audit_close(serve.audit);
	store_close(serve.store);
	law_free(serve.law);
	return r;
}

static int start(void)
{
	static uint8_t buffer[DGRAM_MAX];
	Cek__Internal__V1__Setup *setup = NULL;
	int fds[N_FDS + 1];
	int r;

	r = receive_setup(buffer, fds, &setup);
	if (r < 0) {
		log_error("no setup on descriptor %d (%s): this program is started by cekd", CONTROL_FD, strerror(-r));
		return r;
	}
#ifdef CEK_TEST_HOOKS
	if (setup->test_clock)
		r = testhook_map(fds[FD_TEST_PAGE]);
#endif
	if (r == 0)
		r = run(setup, fds);
	if (r < 0) {
		log_error("cannot go on: %s", strerror(-r));
		send_failing(strerror(-r));
	}
	cek__internal__v1__setup__free_unpacked(setup, NULL);
	return r;
}

int main(void)
{
	log_open("cekd-journal");
	ignore_signals();
	return start() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
