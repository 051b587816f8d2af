/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cekd-journal's side of the broker's pair: takes what the broker sends, writes it with as few system calls as come
 * together, and says how far it has come. main.c goes round; here is what happens then.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wipe.h"
#include "daemon/journal/audit.h"
#include "daemon/journal/evidence.h"
#include "daemon/journal/law/law.h"
#include "daemon/journal/serve/key_queue.h"
#include "daemon/journal/serve/pair.h"
#include "daemon/journal/serve/report.h"
#include "daemon/journal/store.h"

/* What is waited for: the pair, cekd, and whatever the store waits for itself. */
enum { SERVE_PAIR, SERVE_CONTROL, SERVE_STORE, SERVE_FDS };

struct serve {
	struct pair pair; /* its descriptors */
	struct store *store;
	struct audit *audit;
	struct evidence *evidence;
	struct law *law; /* NULL: everything may be appended */
	bool audit_durable;
	uint64_t sync_us;
	const char *sandbox; /* for JournalState */

	struct report report;
	struct key_queue keys;
	struct arena arena;  /* one message of the pair */
	uint64_t sync_due;   /* clock_monotonic_us(), 0 = nothing to do */
	uint64_t look_due;   /* at the journals, also when nothing is written */
	uint64_t rest_until; /* see serve_rest(), 0 = none */
	size_t records;      /* of audit, in this turn */
	bool batch_seen;     /* an acknowledgement is owed */
};

/* Set the members above the blank line first. 0 or -errno. deinit is safe on a zeroed struct, and before the
 * journals are closed; it closes nothing. */
int serve_init(struct serve *serve);
void serve_deinit(struct serve *serve);

/* First thing after each start: JournalState. Here as below: 0, or -errno when it cannot go on. */
int serve_announce(struct serve *serve);

/* Wait until something is ready, or serve_time() has something to do. fds[SERVE_CONTROL] is the caller's; revents of
 * all tell, none after a signal. */
int serve_wait(const struct serve *serve, struct pollfd fds[SERVE_FDS]);

/* The pair is readable: everything that waits there, up to a bound, in one go. */
int serve_readable(struct serve *serve);

/* After audit records were written the pair is better left alone for a moment: what follows gathers there, and
 * replies do not wait until this process is woken for their records, nor do workers make room for it. Microseconds,
 * 0 = no rest; never while replies wait for their records on disk (audit_durable). */
uint64_t serve_rest(const struct serve *serve);

/* Milliseconds until serve_time() has something to do: at most a second, after which it looks at the journals. Also
 * worth calling when what the store waits for is ready. */
int serve_timeout(const struct serve *serve);
int serve_time(struct serve *serve);

/* The end: take everything that was sent, make it durable, acknowledge. */
int serve_finish(struct serve *serve);
