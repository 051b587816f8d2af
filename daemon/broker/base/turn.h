/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every part looks at while the broker turns: the loop, the time, timers, limits, memory for messages, and
 * whether the end has come. One turn: events are handled, then what was begun in them goes on together.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "daemon/broker/base/names.h"
#include "daemon/broker/base/timers.h"
#include "daemon/shared/pulse.h"

enum {
	ARENA_SIZE = 524288, /* one decoded message and the reply made from it; more than that fails to decode */
	INPUT_SIZE = 98304,  /* a frame that came in parts (64 KiB) and one more read */
	COST_LOOK = 64,
	COST_FRAME = 8,          /* some microseconds */
	COST_ANSWER = COST_LOOK, /* of a request that the broker answers by itself: may be a tenth of a millisecond */
};

struct turn {
	struct event_base *base;
	uint64_t now;       /* monotonic; each event's handler looks at the clock first */
	struct pulse pulse; /* by which the others are judged */
	struct timers timers;
	struct event tick; /* turns the timers while there are any */
	Limits limits;
	uint32_t connections_wanted; /* more than those of limits if descriptors do not suffice */
	size_t output_per_user;      /* bytes of replies that a user has not read, over all its connections */
	size_t locked_most;          /* bytes of input and output of all users together, but for a few of each */
	uint64_t until;              /* monotonic: whoever is served now is interrupted then */
	uint32_t cost;               /* of what was done since it was looked at the clock */
	bool draining;               /* nothing more is accepted or read */
	bool stop;                   /* this turn is the last one */
	/* Locked memory: */
	struct arena arena;   /* reset after each message */
	struct arena buffers; /* holds the three below */
	uint8_t *input;       /* INPUT_SIZE: what was read from a peer */
	uint8_t *datagram;    /* DGRAM_MAX: what was read from a process */
	uint8_t *frame;       /* FRAME_HEADER + FRAME_BODY_MAX: a large reply */
};

/* 0 or -errno; to be deinitialised also then. */
int turn_init(struct turn *turn);
void turn_deinit(struct turn *turn);

/* Limits; those that are 0 take their defaults. */
void turn_set_limits(struct turn *turn, const Limits *limits);

/* At the beginning of each event's handler. */
static inline void turn_look_at_clock(struct turn *turn)
{
	turn->now = clock_monotonic_us();
}

/* What was done costs as much as so many of COST_LOOK. Whether the time of whoever is served is over: the clock is
 * looked at when that much has been done. */
static inline void turn_cost(struct turn *turn, uint32_t cost)
{
	turn->cost += cost;
}

static inline bool turn_over(struct turn *turn)
{
	if (turn->cost < COST_LOOK)
		return false;
	turn->cost = 0;
	turn_look_at_clock(turn);
	return turn->now >= turn->until;
}

/* Handle events, after the first has come if wait is set. */
void turn_handle(struct turn *turn, bool wait);

/* Fire the timers that are due, and wipe what they left in the arena; have the loop come back for the others. */
void turn_timers(struct turn *turn);
void turn_come_back(struct turn *turn);
