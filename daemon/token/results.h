/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results of unwraps on their way to the broker, several in one datagram when they come fast: each datagram costs the
 * worker, the broker and both their wake-ups as much as a cheap unwrap. Written without protobuf-c's two walks over all
 * that a result may hold.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wipe.h"
#include "proto/internal.pb-c.h"

enum { RESULTS_ROOM = 4096 }; /* bytes that results_init() takes from the arena */

struct results {
	int fd;          /* the broker's pair, blocking */
	uint8_t *packed; /* JobResults, after room for what goes around them; of locked memory */
	size_t len;
	unsigned n;
	uint64_t since_us; /* when the first of them was added */
};

/* Of arena, which outlives it. 0 or -ENOMEM. */
int results_init(struct results *results, struct arena *arena, int fd);

/* Add a result that has nothing but id, outcome, text, cek, memory and replace. Those before it are sent if it would
 * not fit. 0; -EMSGSIZE if it does not fit at all; -errno of send(2). */
int results_add(struct results *results, const Cek__Internal__V1__JobResult *result, uint64_t now_us);

/* How long the first of them would have waited if another took so long; 0 if there are none. */
uint64_t results_wait_us(const struct results *results, uint64_t now_us, uint64_t another_us);

/* Send them, if there are any, and wipe them. 0 or -errno of send(2). */
int results_flush(struct results *results);
