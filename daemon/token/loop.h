/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One blocking loop: jobs in, executed in order. Results of unwraps may wait for each other a little while there are
 * more jobs in hand (results.h); the page of executing.h tells the broker how far the worker has come.
 */
#pragma once

#include <stdint.h>

#include "daemon/shared/executing.h"
#include "daemon/token/ask_pin.h"
#include "daemon/token/hear.h"
#include "daemon/token/probe/worker.h"

struct loop {
	int control; /* descriptor 3: the parent */
	struct ask_pin pin;
	int jobs; /* the broker's pair */
	struct executing *executing;
	int statm; /* /proc/self/statm, opened before the sandbox; -1 = memory is not measured */
	bool manage;
	uint64_t memory_limit;
	struct hear hear;
};

/* Until the broker or the parent is gone, a Drain, or worker->ending: 0. Otherwise -errno. */
int loop_run(struct loop *loop, struct worker *worker);

/* Resident bytes; 0 if unknown. */
uint64_t loop_memory(const struct loop *loop);
