/*
 * cekd-journal's side of the broker's pair: takes what the broker sends, writes it with as few system calls as come
 * together, and says how far it has come. main.c waits for descriptors and time; here is what happens then.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wipe.h"
#include "daemon/journal/store.h"

struct serve {
	int fd;                 /* the broker's pair, non-blocking */
	int control_fd;         /* a message there ends waiting for a broker that does not read */
	struct store *store;
	bool audit_durable;
	uint64_t sync_us;
	const char *sandbox;    /* for JournalState */

	uint8_t *buffer;        /* DGRAM_MAX bytes */
	struct arena arena;     /* the message in it */
	uint64_t sync_due;      /* clock_monotonic_us(), 0 = nothing to do */
	uint64_t retry_due;
	uint64_t look_due;      /* at the files, also when nothing is written */
	uint64_t rest_until;    /* see serve_rest(), 0 = none */
	size_t records;         /* of audit, in this turn */
	char told_keys[STORE_WHY_MAX], told_audit[STORE_WHY_MAX]; /* the JournalState that the broker knows */
	bool batch_seen;        /* an acknowledgement is owed */
	bool closed;            /* the pair said EOF */
	bool ending;            /* nobody is waited for any more */
};

/* Set the members above the blank line first. 0 or -errno. deinit is safe on a zeroed struct; it closes nothing. */
int serve_init(struct serve *serve);
void serve_deinit(struct serve *serve);

/* First thing after each start: JournalState. Here as below: 0, or -errno when it cannot go on. */
int serve_announce(struct serve *serve);

/* The pair is readable: everything that waits there, up to a bound, in one go. */
int serve_readable(struct serve *serve);

/* After audit records were written the pair is better left alone for a moment: what follows gathers there, and replies do
 * not wait until this process is woken for their records, nor do workers make room for it. Microseconds, 0 = no rest; never
 * while replies wait for their records on disk (audit_durable). */
uint64_t serve_rest(const struct serve *serve);

/* Milliseconds until serve_time() has something to do: at most a second, after which it looks at the files. */
int serve_timeout(const struct serve *serve);
int serve_time(struct serve *serve);

/* The end: take everything that was sent, make it durable, acknowledge. */
int serve_finish(struct serve *serve);
