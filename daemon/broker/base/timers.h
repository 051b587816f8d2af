/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines by the thousand: a wheel of intrusive lists. Setting and clearing is O(1); a turn looks only at the slots
 * that have passed. Exact to one tick, late by at most that, never early.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

enum {
	TIMERS_TICK_US = 20000,
	TIMERS_SLOTS = 1024,
};

struct timer {
	struct link link;
	uint64_t due_us;
	void (*fire)(struct timer *timer); /* NULL: not set */
};

struct timers {
	struct link slots[TIMERS_SLOTS];
	uint64_t tick; /* the last one that was looked at */
	size_t count;
};

void timers_init(struct timers *timers, uint64_t now_us);

/* fire is called once, from timers_turn, when due_us (monotonic) has passed. A timer that is set already is moved. */
void timer_set(struct timers *timers, struct timer *timer, uint64_t due_us, void (*fire)(struct timer *timer));

/* A zeroed timer, or one that has fired or was cleared before, is fine. */
void timer_clear(struct timers *timers, struct timer *timer);

/* Fire what is due. */
void timers_turn(struct timers *timers, uint64_t now_us);
