/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users take turns by the time that they cost: deficit round robin. Who has cost little goes first, so that he waits
 * for nobody who has a thousand requests; who has cost much waits behind the others, once for each quantum of it. When
 * nobody waits any more all is forgiven.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

enum {
	TURNS_QUANTUM_US = 200,
	/* No request costs more by itself: what the clock says above this is time in which the broker did not run. */
	TURNS_DEBT_US = 5 * TURNS_QUANTUM_US,
};

/* The part of a user that takes turns. */
struct turns_place {
	struct link link; /* in one of the lists; by itself: has nothing to do */
	int32_t credit_us;
	uint64_t age; /* of turns, when it was last given a whole quantum for nothing */
};

struct turns {
	struct link light; /* have credit left since they came */
	struct link heavy; /* are given credit each time that they come to the front */
	uint64_t age;      /* how often nobody waited */
};

void turns_init(struct turns *turns);
void turns_place_init(struct turns_place *place);

/* It has something to do. Nothing if it is in already. */
void turns_enter(struct turns *turns, struct turns_place *place);

/* It has nothing to do any more. Nothing if it is not in. */
void turns_leave(struct turns_place *place);

/* Whose turn it is; it stays in. NULL: nobody waits, and all debts are forgiven. */
struct turns_place *turns_next(struct turns *turns);

/* It has cost so much, now or for work that was done for it elsewhere. */
void turns_charge(struct turns *turns, struct turns_place *place, uint64_t us);

/* How long it may go on: its credit, or most_us if nobody else waits. */
uint64_t turns_slice(const struct turns *turns, const struct turns_place *place, uint64_t most_us);

/* Nothing of what it cost is remembered. */
bool turns_forgiven(const struct turns *turns, const struct turns_place *place);

static inline bool turns_waiting(const struct turns *turns)
{
	return !list_empty(&turns->light) || !list_empty(&turns->heavy);
}
