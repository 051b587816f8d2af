/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timetable of a key in rows: what its schedule will do, and when its old versions can be retired.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/broker/ring/retire.h"
#include "daemon/broker/ring/ring.h"

enum {
	PLAN_MAX = 32,
	PLAN_ROTATIONS = 8, /* rows of the next rotations: there is always room for these */
	PLAN_WHY_MAX = RETIRE_WHY_MAX + 32,
};

struct planned {
	uint64_t time;
	const char *what;              /* "publish", "activate", "retire" */
	const struct version *version; /* NULL: not made yet */
	char why[PLAN_WHY_MAX];
};

/* The timetable that follows: rotated now if rotate is set, otherwise by schedule; skew in seconds. A retirement of
 * which nobody knows the time has time 0 and comes last. Returns the number of rows; ret_more is how many retirements
 * of old versions had no room, those of the youngest. */
size_t plan_of(const struct key *key, uint64_t now, uint32_t skew, bool rotate, struct planned ret_plan[PLAN_MAX],
	size_t *ret_more);
