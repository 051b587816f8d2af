/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that wait for a worker, in one list for the uids of each residue of 64: they are taken from these lists in turn,
 * so that a user who has a thousand waiting delays others by one job each time, not by a thousand. Costs no allocation.
 */
#pragma once

#include <stdint.h>

#include "base/list.h"

enum { QUEUE_SHARES = 64 };

struct queue {
	struct link shares[QUEUE_SHARES];
	uint64_t waiting; /* bit i: shares[i] is not empty */
	unsigned next;    /* the share whose turn it is */
	uint32_t n;
};

void queue_init(struct queue *queue);

/* At the end, or at the beginning for what had been taken already, of what this uid has waiting. */
void queue_add(struct queue *queue, struct link *link, uint32_t uid);
void queue_add_first(struct queue *queue, struct link *link, uint32_t uid);

/* The next one; NULL if none waits. */
struct link *queue_take(struct queue *queue);

/* One that waits, with the uid under which it was added. */
void queue_remove(struct queue *queue, struct link *link, uint32_t uid);
