/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latencies in a histogram of 128 steps an octave (0.8 % wide), and what a run prints: one JSON object.
 */
#pragma once

#include <stdint.h>

enum { MEASURE_STEPS = 128, MEASURE_BUCKETS = 40 * MEASURE_STEPS };

struct measure {
	uint64_t bucket[MEASURE_BUCKETS];
	uint64_t ops;
	uint64_t started, ended; /* ns */
};

uint64_t measure_now(void); /* monotonic, ns */
void measure_add(struct measure *measure, uint64_t ns);
void measure_merge(struct measure *into, const struct measure *from);

/* {"ops":…, "seconds":…, "histogram":[[ns, count], …]} and a newline. */
void measure_print(const struct measure *measure);
