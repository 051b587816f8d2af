/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intents: what cekd was about to do to the token, until a record says how it ended.
 */
#pragma once

#include <stddef.h>

#include "daemon/broker/ring/ring.h"

/* -EPROTO, with the reason: this record contradicts the ring. */
int fold_contradiction(char *ret_why, size_t why_size, const char *what, const KeyRecord *record);

int fold_intent(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size);
int fold_abandoned(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size);

/* The intent that this record ends, if there is one. */
void fold_end_intent(struct ring *ring, const KeyRecord *record);
