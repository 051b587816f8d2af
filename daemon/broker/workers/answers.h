/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker says: its hello, and the answers to its jobs, in the order in which it got them.
 */
#pragma once

#include "daemon/broker/workers/worker.h"

/* Its socket is readable. The worker may be gone afterwards. */
void answers_read(struct worker *worker);
