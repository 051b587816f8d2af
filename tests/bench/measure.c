/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

enum { STEPS = MEASURE_STEPS, STEP_BITS = 7 };

uint64_t measure_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static unsigned bucket_of(uint64_t ns)
{
	unsigned octave = ns < STEPS ? 0 : 63 - (unsigned)__builtin_clzll(ns) - STEP_BITS;
	unsigned bucket = octave * STEPS + (unsigned)(ns >> octave);

	return bucket < MEASURE_BUCKETS ? bucket : MEASURE_BUCKETS - 1;
}

static uint64_t bucket_ns(unsigned bucket)
{
	unsigned octave = bucket / STEPS == 0 ? 0 : bucket / STEPS - 1;

	return (uint64_t)(bucket - octave * STEPS) << octave;
}

void measure_add(struct measure *measure, uint64_t ns)
{
	measure->bucket[bucket_of(ns)]++;
	measure->ops++;
}

void measure_merge(struct measure *into, const struct measure *from)
{
	for (unsigned i = 0; i < MEASURE_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
	into->ops += from->ops;
}

void measure_print(const struct measure *measure)
{
	bool first = true;

	printf("{\"ops\": %llu, \"seconds\": %.6f, \"histogram\": [", (unsigned long long)measure->ops,
		(double)(measure->ended - measure->started) / 1e9);
	for (unsigned i = 0; i < MEASURE_BUCKETS; i++) {
		if (!measure->bucket[i])
			continue;
		printf("%s[%llu, %llu]", first ? "" : ", ", (unsigned long long)bucket_ns(i),
			(unsigned long long)measure->bucket[i]);
		first = false;
	}
	puts("]}");
}
