/* SPDX-License-Identifier: Apache-2.0 */
#include "welch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "die.h"

struct moments {
	double n, mean, variance;
};

static int by_time(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

uint32_t welch_percentile(const struct times *sets, size_t n, double part)
{
	size_t total = 0, at = 0;
	uint32_t *all, value;

	for (size_t i = 0; i < n; i++)
		total += sets[i].n;
	all = calloc(total, sizeof(*all));
	if (!all || total == 0)
		die("no times");
	for (size_t i = 0; i < n; i++) {
		memcpy(all + at, sets[i].ns, sets[i].n * sizeof(*all));
		at += sets[i].n;
	}
	qsort(all, total, sizeof(*all), by_time);
	value = all[(size_t)((double)(total - 1) * part)];
	free(all);
	return value;
}

static struct moments moments(const struct times *times, uint32_t limit)
{
	struct moments m = {0};
	double squares = 0;

	for (size_t i = 0; i < times->n; i++) {
		const double x = times->ns[i], before = x - m.mean;

		if (times->ns[i] > limit)
			continue;
		m.n++;
		m.mean += before / m.n;
		squares += before * (x - m.mean);
	}
	m.variance = m.n > 1 ? squares / (m.n - 1) : 0;
	return m;
}

struct welch welch_compare(const struct times *a, const struct times *b, uint32_t limit)
{
	const struct moments x = moments(a, limit), y = moments(b, limit);
	const double error = sqrt(x.variance / x.n + y.variance / y.n);

	return (struct welch){.t = error > 0 ? (x.mean - y.mean) / error : 0, .difference = x.mean - y.mean};
}

double welch_median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
