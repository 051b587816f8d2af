/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody who owes an answer for longer than is usual: the log tells when that begins and ends, Status since when.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/broker/base/when.h"
#include "daemon/shared/pulse.h"

struct late {
	uint64_t since_us; /* by the pulse; 0: not late */
	char since[WHEN_MAX];
};

/* since_us: of what is owed, 0 = nothing; grace_us: what the answer may take by itself. Returns whether it is late. */
bool late_look(struct late *late, const struct pulse *pulse, const char *who, uint64_t since_us, uint64_t grace_us);
