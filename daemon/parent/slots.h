/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers' slots: which of them is filled next, and whether a login may be tried for it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/parent/start.h"

/* Start the worker that is missing first, the manage worker last: one at a time, and none after a wrong PIN before
 * somebody has acted. only_manage: no other one, for an heir's workers log in. Asks the family to be called again where
 * only time is needed. */
void slots_fill(struct start *start, uint64_t now_us, bool only_manage);
