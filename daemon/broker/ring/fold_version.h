/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of versions: a new one, and its moves from state to state.
 */
#pragma once

#include <stddef.h>

#include "daemon/broker/ring/ring.h"

int fold_version(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size);
int fold_state(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size);
