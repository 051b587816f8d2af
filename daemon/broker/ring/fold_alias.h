/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kids that a version gets, or loses, after it was made.
 */
#pragma once

#include <stddef.h>

#include "daemon/broker/ring/ring.h"

int fold_alias(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size);

/* The place of an alias among those of the version; n_alias: it has no such alias. */
size_t alias_place(const struct version *version, const char *alias);
