/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time does to a key: scheduled rotation, the end of a suspension, destruction after its waiting period. Pure
 * functions of a key and the clock; steps.c carries out what they say.
 *
 * With a period P and a lead L, a version that became active at A is followed by one that is published (pre-active) at
 * A + P - L and becomes active at A + P, but not before it was published for L: after downtime the missed steps happen
 * once, in order, and issuers still see a key before it is used. The old version is deactivated then and keeps
 * unwrapping; its overlap ends overlap seconds later. Nothing is destroyed because of a schedule.
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

struct planned {
	uint64_t time;
	const char *what;              /* "publish", "activate", "retire" */
	const struct version *version; /* NULL: not made yet */
	char why[160];
};

enum {
	PLAN_MAX = 32,
	PLAN_ROTATIONS = 8, /* rows of the next rotations: there is always room for these */
	SCHEDULE_SUM_MAX = 96,
	SCHEDULE_WHY_MAX = 256,
};

/* The step that comes first for this key, STEP_NONE if nothing is ever due. keep: destruction does not count, since the
 * clock is not to be trusted. One that is held after a failure does not either, so that nothing else waits for it. */
struct due schedule_next(const struct key *key, bool keep);

/* The step by which the schedule goes on with this key: STEP_PUBLISH, STEP_ACTIVATE, or STEP_NONE. */
struct due schedule_rotation(const struct key *key);

/* Does anybody know how long an old version is needed? Without an overlap and a token lifetime a token may be of any
 * age. */
bool schedule_overlap_known(const struct key *key);

/* Seconds that an old version of this key still unwraps (skew in seconds is added where the overlap is computed); if
 * that is not known, at least so many. */
uint64_t schedule_overlap(const struct key *key, uint32_t skew);

/* When it is safe to retire this version: its deactivation plus the overlap; for an active one the activation of its
 * successor plus the overlap; 0 if nobody knows. */
uint64_t schedule_overlap_end(const struct version *version, uint32_t skew);

/* The timetable that follows: rotated now if rotate is set, otherwise by schedule. A retirement of which nobody knows
 * the time has time 0 and comes last. Returns the number of rows; ret_more is how many retirements of old versions had
 * no room, those of the youngest. */
size_t schedule_plan(const struct key *key, uint64_t now, uint32_t skew, bool rotate, struct planned ret_plan[PLAN_MAX],
	size_t *ret_more);

/* Tokens under this version may still come: it was used within the overlap, or nobody knows how long one lives. */
bool schedule_in_use(const struct version *version, uint32_t skew, uint64_t now);

/* What the overlap is the sum of: "overlap 3600 s", "JWKS max-age 300 s + token lifetime 600 s + clock skew 60 s". Only
 * if it is known. Returns text. */
const char *schedule_sum(const struct key *key, uint32_t skew, char text[SCHEDULE_SUM_MAX]);

/* What schedule_overlap_end() of this version was computed from or, if it is 0, what is missing and how to give it; ""
 * for one that there is nothing to say of: not used yet, or gone. Returns text. */
const char *schedule_retire_why(const struct version *version, uint32_t skew, char text[SCHEDULE_WHY_MAX]);
