/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do two sets of times differ? Welch's t-test after cropping, as dudect does it (Reparaz, Balasch, Verbauwhede: "Dude,
 * is my code constant time?", 2017).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct times {
	uint32_t *ns;
	size_t n;
};

struct welch {
	double t;
	double difference; /* of the means, ns: first minus second */
};

/* The value that the part (0 to 1) of all n sets' times does not exceed. */
uint32_t welch_percentile(const struct times *sets, size_t n, double part);

/* Times above limit are left out: interruptions have nothing to do with the data. */
struct welch welch_compare(const struct times *a, const struct times *b, uint32_t limit);

/* Of n values, which are sorted by it. */
double welch_median(double *values, size_t n);
