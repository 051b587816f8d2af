/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link to cekd-journal as data, for those who hold against it what the journal says (expected.h).
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
#include "proto/sequence.h"

enum { APPENDS_MAX = 256 }; /* waiting to become durable */

struct journal_events {
	/* The ring is there; this was the last part of the replay. */
	void (*replayed)(void *owner, const Cek__Internal__V1__ReplayBatch *last);
	/* The journal says that it does not write. */
	void (*mute)(void *owner);
	/* A record has changed the ring, or the ring has been replayed. */
	void (*changed)(void *owner);
	/* This one hangs, or broke the rules: it is to be killed and replaced. False: ask again later. */
	bool (*end)(void *owner, int32_t pid, const char *how, bool broke);
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
	bool ok;          /* the journal says that it writes */
	bool known;       /* it has said anything yet */
	bool replayed;    /* the ring is there */
	bool standing_by; /* so far as the journal goes, to which another broker still adds */
	char keys[256], audit[256], sandbox[256], law[600]; /* as it describes itself */
	bool free_known;
	uint64_t free;       /* bytes left for the journals, about */
	struct link appends; /* the first one is under way if sent is set */
	size_t n_appends;
	bool sent;
	uint64_t next_id;
	uint64_t question;                     /* id of a Replay that is still to be sent, 0 = none */
	uint64_t replay_id;                    /* of the replay that is folded, 0 = none */
	struct sequence sequence;              /* what it may say */
	uint64_t last_question, last_answered; /* ids of Replays: the questions between them are open */
	char broke[SEQUENCE_HOW_MAX];          /* the rules, so; cekd has yet to be told. "": no */
	/* After a journal's restart, perhaps: was the append under way written? Until it has answered none is sent. */
	uint64_t asked_id;
	uint64_t asked_records;
	uint64_t asked_time, asked_up; /* of those */
	struct append open;
	bool full;         /* the pair takes no more at the moment */
	int32_t pid;       /* as it says; 0: it has said nothing yet */
	uint64_t heard_us; /* by the pulse: when it last said anything */
	uint64_t owed_us;  /* by the pulse: since when the next answer about the key journal is owed; 0: none is */
	struct late late;
	int32_t ended_pid; /* of the one that cekd was told to end */
};

/* The append that the journal was given, NULL: none. */
static inline struct append *journal_under_way(const struct journal *journal)
{
	return journal->sent && !list_empty(&journal->appends) ? list_entry(journal->appends.next, struct append, link)
							       : NULL;
}
