/*
 * What cekd does to keys by itself: the steps of schedule.h when their time has come, rotations at a limit of uses,
 * reservations of AES-GCM wraps, usage counters, objects that went missing and came back. Watches the clock: after a
 * jump nothing is destroyed until an operator has confirmed the time (SIGHUP).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "base/list.h"

struct broker;
struct key;
struct version;

struct steps {
	struct broker *broker;
	struct event timer;
	struct link changes;    /* under way */
	uint64_t next_due;      /* real time of the earliest step; UINT64_MAX: none */
	uint64_t last_real, last_monotonic;
	bool clock_suspect;     /* the clock jumped while we ran */
	uint64_t usage_due;     /* monotonic */
	uint32_t n_usage;       /* records of counters on their way */
};

int steps_init(struct broker *broker);
void steps_deinit(struct broker *broker);

/* The ring changed: look again when the next step is due. */
void steps_changed(struct broker *broker);

/* Make a new active version unless a change of the key is under way or the last attempt failed just now. */
void steps_rotate(struct broker *broker, struct key *key);

/* A change of this key failed: cekd waits before it tries one by itself. */
void steps_back_off(struct broker *broker, struct key *key);

/* AES-GCM: extend the reservation when less than half of a block is left, rotate when the limit comes near. */
void steps_reserve(struct broker *broker, struct version *version);

/* How far to reserve for a version of which so many wraps are reserved already. */
uint64_t steps_reservation(const struct broker *broker, uint64_t reserved);

/* Put on record that the object of a version is missing, or was found. A missing one all workers look for anew. */
void steps_mark(struct broker *broker, struct version *version, bool missing);

/* A worker cannot tell the object of this version from others. All workers look again for the next job. */
void steps_mark_twins(struct broker *broker, struct version *version);

/* This job worked with the object of this version: if it was given out after that was lost, it is there again. */
void steps_seen(struct broker *broker, struct version *version, uint64_t job_id);

/* A worker came up: missing objects are worth another look. */
void steps_look_for_missing(struct broker *broker);

/* Make the counters durable now. */
void steps_flush_usage(struct broker *broker);

/* Nothing of ours is on its way. */
bool steps_idle(const struct broker *broker);

/* The clock cannot be trusted: nothing is destroyed. */
bool steps_clock_suspect(const struct broker *broker);
void steps_confirm_clock(struct broker *broker);

/* The rules are new: who watches learns it as a new epoch, and drops CEKs that he may no longer have. */
void steps_tell_rules(struct broker *broker);
