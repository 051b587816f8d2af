/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of lifecycle/ know, as data alone, so that the broker can own them by value.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "base/list.h"
#include "daemon/broker/base/timers.h"
#include "daemon/broker/workers/job.h"

struct broker;
struct inventory;

/* lifecycle/steps.h */
struct steps {
	struct broker *broker;
	struct event timer;
	struct link changes; /* under way */
	uint64_t next_due;   /* real time of the earliest step; UINT64_MAX: none */
	uint64_t last_real, last_monotonic;
	bool clock_suspect; /* the clock jumped while we ran */
	uint64_t usage_due; /* monotonic */
	uint32_t n_usage;   /* records of counters on their way */
};

/* The ring changed: look again when the next step is due. */
static inline void steps_changed(struct steps *steps)
{
	steps->next_due = 0; /* the timer looks */
}

/* lifecycle/asking.h */
struct asking {
	struct broker *broker;
	struct job job; /* the inventory */
	uint8_t packed[32];
	struct inventory *inventory; /* the parts that have come */
	bool spoilt;                 /* a part was of no use: the rest is only waited for */
	struct timer again;
	uint64_t pause_us; /* the last one */
};

/* request/refusal.h: what the log was told last of requests that the rules refused. */
enum { REFUSALS_KEPT = 16 };

struct refused {
	uint32_t uid;
	size_t listener;
	int permission;
	uint64_t until; /* monotonic; 0: nothing is in this place */
};

struct refusals {
	struct refused last[REFUSALS_KEPT];
	uint64_t until;  /* monotonic: nothing is told before */
	uint64_t untold; /* since the last one that was */
};
