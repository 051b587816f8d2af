/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the workers work. One that blocks in the token is judged by what its call may take (executing.h), and ends
 * itself when that is over; here is judged who cannot, and who has not even begun what it was given.
 */
#pragma once

#include <stdint.h>

#include "daemon/broker/workers/worker.h"

/* Since when a worker does what it does for the oldest of its jobs, by the pulse; 0: it has none. */
uint64_t patience_oldest(const struct worker *worker);

/* Once a period of the pulse: say so in the log when one does not answer. One that hangs is to be killed, and its jobs
 * are what they are after any worker's end. */
void patience_judge(struct workers *workers);

/* Of the use workers that are ready none answers: one of them; else NULL. */
const struct worker *patience_lost_with(const struct workers *workers);
