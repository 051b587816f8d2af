/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the journal answers: the age of the oldest record or question that it has not acknowledged.
 */
#pragma once

#include <stdint.h>

#include "daemon/broker/journal/journal.h"

/* Since when that is owed, by the pulse; 0: nothing is. */
uint64_t watch_oldest(const struct journal *journal);

/* Once a period of the pulse: say so in the log when it owes that and is silent, and tell the owner of one that hangs.
 */
void watch_judge(struct journal *journal);
