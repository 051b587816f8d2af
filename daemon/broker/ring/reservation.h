/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-GCM wraps are counted ahead: the journal allows a block of them, since each must be known before it is made and a
 * record for each would cost too much. What a crash leaves of a block counts as used.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/broker/ring/ring.h"

/* How far to reserve for a version of which so many wraps are reserved already. */
uint64_t reservation_next(uint64_t limit, uint64_t reserved);

/* Less than half of a block is left, and the limit allows more. */
bool reservation_due(uint64_t limit, const struct version *version);

/* The limit is so near that a new version should take over. */
bool reservation_ends(uint64_t limit, const struct version *version);
