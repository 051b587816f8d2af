/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of versions, as records of the key journal.
 */
#pragma once

#include "daemon/broker/context/context.h"

/* Append the counters of some versions that were used since the last time; they count as durable from then on, or again
 * as not durable if the journal refuses them. 0 or -errno. */
int usage_append(struct broker *broker);
