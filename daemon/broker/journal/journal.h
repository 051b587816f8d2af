/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link to cekd-journal: the key journal is folded into the ring at start, new records are appended one batch after
 * the other, and each is applied to the ring once it is durable. Audit records travel on the same pair (audit.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "base/list.h"
#include "daemon/broker/base/late.h"
#include "daemon/broker/base/names.h"
#include "daemon/broker/base/turn.h"
#include "daemon/broker/journal/append.h"
#include "daemon/broker/journal/audit.h"
#include "daemon/broker/ring/ring.h"

enum { APPENDS_MAX = 256 }; /* waiting to become durable */

struct journal_events {
	/* The ring is there; this was the last part of the replay. */
	void (*replayed)(void *owner, const Cek__Internal__V1__ReplayBatch *last);
	/* The journal says that it does not write. */
	void (*mute)(void *owner);
	/* A record has changed the ring, or the ring has been replayed. */
	void (*changed)(void *owner);
	/* This one hangs: it is to be killed and replaced. False: ask again later. */
	bool (*hangs)(void *owner, int32_t pid, const char *how);
	/* No record can be trusted or written any more. */
	void (*failed)(void *owner, const char *why);
};

struct journal {
	struct turn *turn;
	struct ring *ring;
	struct audit *audit_trail;
	const struct journal_events *events;
	void *owner;
	int fd;
	struct event readable, writable;
	bool ok;                                  /* the journal says that it writes */
	bool known;                               /* it has said anything yet */
	bool replayed;                            /* the ring is there */
	bool standing_by;                         /* so far as the journal goes, to which another broker still adds */
	char keys[256], audit[256], sandbox[256]; /* as it describes itself */
	bool free_known;
	uint64_t free;       /* bytes left for the journals, about */
	struct link appends; /* the first one is under way if sent is set */
	size_t n_appends;
	bool sent;
	uint64_t next_id;
	uint64_t question;  /* id of a Replay that is still to be sent, 0 = none */
	uint64_t replay_id; /* of the replay that is folded, 0 = none */
	/* After a journal's restart, perhaps: was the append under way written? Until it has answered none is sent. */
	uint64_t asked_id;
	uint64_t asked_records;
	struct append open;
	bool full;         /* the pair takes no more at the moment */
	int32_t pid;       /* as it says; 0: it has said nothing yet */
	uint64_t heard_us; /* by the pulse: when it last said anything */
	uint64_t owed_us;  /* by the pulse: since when the next answer about the key journal is owed; 0: none is */
	struct late late;
	int32_t ended_pid; /* of the one that cekd was told to end */
};

int journal_init(struct journal *journal, struct turn *turn, struct ring *ring, struct audit *audit, int fd,
	const struct journal_events *events, void *owner);
void journal_deinit(struct journal *journal);

/* The ring is there and the journal writes. */
static inline bool journal_serving(const struct journal *journal)
{
	return journal->ok && journal->replayed && !journal->turn->stop;
}

/* The key journal is the right one, or it is clear that an operator must confirm it: the record that says that cekd has
 * started is the first of this start. Its type is filled in. */
void journal_begin(struct journal *journal, KeyRecord *open);

/* Append these records, all or none. append must be zeroed but for done and stay until done was called. 0; -ENOBUFS
 * when too many wait; -ENOMEM; -ENETDOWN when the journal does not write. The records are copied. */
int journal_append(struct journal *journal, struct append *append, KeyRecord *const *records, size_t n_records);

/* Send what waits, as far as the pair takes it; called at the end of each turn. */
void journal_flush(struct journal *journal);
