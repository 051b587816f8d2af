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
	struct link changes;     /* under way */
	uint64_t next_due;       /* real time of the earliest step; UINT64_MAX: none */
	uint64_t last_monotonic; /* when the clock was looked at last */
	uint64_t usage_due;      /* monotonic */
	uint32_t n_usage;        /* records of counters on their way */
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
