/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of versions: a new one, and its moves from state to state.
 */
#pragma once

#include <stddef.h>

#include "daemon/broker/ring/ring.h"

int fold_version(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size);
int fold_state(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size);

/* What waits to be destroyed waits until this record's until_time. */
void fold_wait(const struct ring *ring, struct version *version, const KeyRecord *record);

/* The version enters a state; the one that was active leaves it if this one becomes active. */
void fold_enter_state(struct version *version, enum state state, uint64_t until, uint64_t time);
