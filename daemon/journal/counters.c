/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/journal/counters.h"

#include <stddef.h>
#include <string.h>

bool counters_name_valid(const char *instance)
{
	return instance && instance[0] && strlen(instance) <= COUNTERS_INSTANCE_MAX;
}

struct counter *counters_of(struct counters *counters, const char *instance)
{
	struct counter *list = counters->list, found = {0};
	size_t i = COUNTERS_INSTANCES - 1;

	while (i > 0 && strcmp(list[i].instance, instance) != 0)
		i--;
	if (strcmp(list[i].instance, instance) == 0)
		found = list[i];
	else
		memcpy(found.instance, instance, strlen(instance) + 1);
	memmove(&list[i], &list[i + 1], (COUNTERS_INSTANCES - 1 - i) * sizeof(found));
	list[COUNTERS_INSTANCES - 1] = found;
	return &list[COUNTERS_INSTANCES - 1];
}

const struct counter *counters_latest(const struct counters *counters)
{
	return &counters->list[COUNTERS_INSTANCES - 1];
}

void counter_stands_at(struct counter *counter, uint64_t n)
{
	counter->taken = counter->written = counter->durable = n;
}

void counters_written(struct counters *counters)
{
	for (size_t i = 0; i < COUNTERS_INSTANCES; i++)
		counters->list[i].written = counters->list[i].taken;
}

void counters_durable(struct counters *counters)
{
	for (size_t i = 0; i < COUNTERS_INSTANCES; i++)
		counters->list[i].durable = counters->list[i].written;
}
