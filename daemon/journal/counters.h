/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the audit records of each broker have come. A broker numbers its records from 1 without a gap
 * (internal.proto, AuditBatch); those of the last few brokers are remembered, since what a dead one left in the pair
 * still comes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	COUNTERS_INSTANCE_MAX = 64, /* bytes of a broker's instance */
	COUNTERS_INSTANCES = 8,     /* brokers that are remembered */
};

/* The records of one broker: up to these n. */
struct counter {
	char instance[COUNTERS_INSTANCE_MAX + 1];
	uint64_t taken, written, durable;
};

struct counters {
	struct counter list[COUNTERS_INSTANCES]; /* latest last; zeroed at the start */
};

/* Whether a broker may be called so. */
bool counters_name_valid(const char *instance);

/* That of this broker, which is the latest from now on, in place of the oldest one if it is new. */
struct counter *counters_of(struct counters *counters, const char *instance);

/* The latest; its instance is empty if there was none. */
const struct counter *counters_latest(const struct counters *counters);

/* All records up to n stand in the file, or stood in one that is no longer here. */
void counter_stands_at(struct counter *counter, uint64_t n);

/* Of all brokers: what was taken is written; what was written is durable. */
void counters_written(struct counters *counters);
void counters_durable(struct counters *counters);
