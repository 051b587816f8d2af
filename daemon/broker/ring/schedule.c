/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/ring/schedule.h"

static uint64_t seconds(uint64_t n)
{
	return n * 1000000;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

struct version *schedule_published(const struct key *key)
{
	for (size_t i = 0; i < key->n_versions; i++) {
		if (key->versions[i]->state == STATE_PRE_ACTIVE)
			return key->versions[i];
	}
	return NULL;
}

static uint32_t lead(const struct key *key)
{
	return key->lead < key->period ? key->lead : key->period;
}

/* When a version that is or will be published becomes active, given that of the one before it. */
static uint64_t activation(const struct key *key, uint64_t active_since, uint64_t published)
{
	return later(active_since + seconds(key->period), published + seconds(lead(key)));
}

struct due schedule_rotation(const struct key *key)
{
	struct version *next = schedule_published(key);

	if (key->period == 0 || !key->active)
		return (struct due){STEP_NONE};
	if (next)
		return (struct due){STEP_ACTIVATE, activation(key, key->active->activated, next->created), next};
	return (struct due){STEP_PUBLISH, key->active->activated + seconds(key->period - lead(key)), NULL};
}

struct rotation schedule_after(const struct key *key, const struct version *next, uint64_t since, uint64_t now)
{
	struct rotation rotation;

	rotation.published = next ? next->created : later(since + seconds(key->period - lead(key)), now);
	rotation.active = later(activation(key, since, rotation.published), now);
	return rotation;
}

uint64_t schedule_replaced(const struct key *key, uint64_t now)
{
	return schedule_after(key, schedule_published(key), key->active->activated, now).active;
}

struct due schedule_next(const struct key *key)
{
	struct due first = schedule_rotation(key);

	for (size_t i = 0; i < key->n_versions; i++) {
		struct version *version = key->versions[i];
		enum step step = version->state == STATE_SUSPENDED ? STEP_RESUME
			: version->state == STATE_WAITING          ? STEP_DESTROY
								   : STEP_NONE;

		if (step == STEP_NONE || version->until == 0 || (version->destroy_pause.held && step == STEP_DESTROY))
			continue;
		if (first.step == STEP_NONE || version->until < first.time)
			first = (struct due){step, version->until, version};
	}
	return first;
}
