/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of cekd's own that nobody waits for: an object that went missing or came back, a clock that was confirmed,
 * new rules.
 */
#pragma once

#include <stdbool.h>

#include "daemon/broker/context/context.h"
#include "daemon/broker/journal/journal.h"

struct note {
	struct append append;
	struct broker *broker;
	struct version *version;
};

/* Append one record about a version (NULL: about none). done gets a note's append, and frees the note. 0 or -errno. */
int notes_append(struct broker *broker, struct version *version, KeyRecord *record,
	void (*done)(struct append *append, bool ok));

/* Put on record that the object of a version is missing, or was found. A missing one all workers look for anew. */
void notes_mark(struct broker *broker, struct version *version, bool missing);

/* A worker cannot tell the object of this version from others. All workers look again for the next job. */
void notes_mark_twins(struct broker *broker, struct version *version);

/* This job worked with the object of this version: if it was given out after that was lost, it is there again. */
void notes_seen(struct broker *broker, struct version *version, uint64_t job_id);

/* A worker came up: missing objects are worth another look. */
void notes_look_for_missing(struct broker *broker);

/* An operator has confirmed the clock. */
void notes_confirm_clock(struct broker *broker);

/* The rules are new: who watches learns it as a new epoch, and drops CEKs that he may no longer have. */
void notes_tell_rules(struct broker *broker);
