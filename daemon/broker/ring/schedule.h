/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time does to a key: scheduled rotation, the end of a suspension, destruction after its waiting period. Pure
 * functions of a key and the clock; steps.c carries out what they say.
 *
 * With a period P and a lead L, a version that became active at A is followed by one that is published (pre-active) at
 * A + P - L and becomes active at A + P, but not before it was published for L: after downtime the missed steps happen
 * once, in order, and issuers still see a key before it is used. The old version is deactivated then and keeps
 * unwrapping; retire.h says how long that is needed. Nothing is destroyed because of a schedule.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/broker/ring/ring.h"

enum step {
	STEP_NONE,
	STEP_PUBLISH,  /* make the next version, pre-active */
	STEP_ACTIVATE, /* make version active */
	STEP_RESUME,   /* end of a suspension */
	STEP_DESTROY,  /* end of a waiting period */
};

struct due {
	enum step step;
	uint64_t time;           /* real time, microseconds */
	struct version *version; /* NULL for STEP_PUBLISH */
};

/* The step that comes first for this key, STEP_NONE if nothing is ever due. A destruction that is held does not count,
 * so that nothing else waits for it. */
struct due schedule_next(const struct key *key);

/* The step by which the schedule goes on with this key: STEP_PUBLISH, STEP_ACTIVATE, or STEP_NONE. */
struct due schedule_rotation(const struct key *key);

/* The version that is published and not active yet, or NULL. */
struct version *schedule_published(const struct key *key);

struct rotation {
	uint64_t published, active; /* real time, microseconds */
};

/* When the successor of a version that is active since then is published and becomes active, by a schedule with a
 * period; next: the successor if it is published. Not before now where it has not happened. */
struct rotation schedule_after(const struct key *key, const struct version *next, uint64_t since, uint64_t now);

/* When the schedule, which has a period, replaces the active version, which there is. */
uint64_t schedule_replaced(const struct key *key, uint64_t now);
