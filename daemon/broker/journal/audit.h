/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit trail on its way to cekd-journal. A record is added when a request has been decided; the records of one
 * turn go out together, before the replies of that turn. Batches stay here until the journal has acknowledged them, and
 * go out again when a new journal process announces itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "daemon/broker/base/names.h"
#include "daemon/shared/pulse.h"

enum {
	AUDIT_BATCH_MAX = 65536,  /* bytes of packed records of one datagram */
	AUDIT_KEPT_MAX = 8388608, /* bytes not yet acknowledged; above it nothing more is read from peers */
	AUDIT_SHARE = 131072,     /* bytes of one user not yet written, while there are others */
};

struct audit {
	const struct pulse *pulse;
	char *instance;
	bool durable;         /* replies wait until the records are on disk */
	uint64_t last;        /* n of the last record added */
	uint64_t sent;        /* up to this n the records are in the kernel */
	uint64_t written;     /* up to this n the journal has written them */
	uint64_t durable_n;   /* up to this n they are on disk */
	struct link kept;     /* batches, oldest first */
	struct link *to_send; /* the first that is to be sent, or &kept */
	size_t kept_bytes;
	struct link spare; /* batches to be used again */
	size_t n_spare;
	uint8_t *packed; /* records of this turn, each with its tag and length */
	size_t len;
	size_t added; /* bytes of the last record */
};

/* pulse stays. 0 or -errno; audit_deinit() in any case. */
int audit_init(struct audit *audit, const struct pulse *pulse, const char *instance, bool durable);
void audit_deinit(struct audit *audit);

/* Add a record, whose n and time are filled in. Returns its n; 0 when there is no memory: the request must not be
 * answered. */
uint64_t audit_add(struct audit *audit, AuditRecord *record);

/* Close the batch of this turn and send what is to be sent. 0, -EAGAIN (the pair is full) or -errno. */
int audit_flush(struct audit *audit, int fd);

/* Replies whose record is n may leave. */
bool audit_releases(const struct audit *audit, uint64_t n);

/* The last n whose reply may leave. */
uint64_t audit_progress(const struct audit *audit);

/* Too much is unacknowledged: stop reading. */
bool audit_full(const struct audit *audit);

/* Whether a user whose records of so many bytes are not yet written must wait: it may have as much as it leaves for the
 * next one; and while there are others so little that the pair does not fill, since theirs would have to wait until the
 * journal has read most of it. */
bool audit_over_share(const struct audit *audit, size_t unwritten, bool others);

/* Everything added has been acknowledged (durably, if asked for). */
bool audit_settled(const struct audit *audit);

/* The journal acknowledges. */
void audit_done(struct audit *audit, const char *instance, uint64_t written, uint64_t durable);

/* A new journal process: send again what it may not have. */
void audit_again(struct audit *audit);

/* Since when the oldest record is owed an acknowledgement, by pulse; 0: none is. */
uint64_t audit_oldest(const struct audit *audit);
