/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/ring/max_age.h"

#include "daemon/broker/ring/moves.h"
#include "daemon/broker/ring/schedule.h"

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When the schedule activates the first version that is not published now. */
static uint64_t activates_unknown(const struct key *key, uint64_t now)
{
	const struct version *next = schedule_published(key);
	struct rotation rotation;

	if (key->period == 0 || !key->active)
		return UINT64_MAX;
	rotation = schedule_after(key, next, key->active->activated, now);
	return next ? schedule_after(key, NULL, rotation.active, now).active : rotation.active;
}

/* When this version comes back into the set by itself. */
static uint64_t comes_back(const struct version *version)
{
	const enum state to = version->state == STATE_SUSPENDED ? move_back(version) : STATE_NONE;

	return version->until > 0 && (to == STATE_ACTIVE || to == STATE_PRE_ACTIVE) ? version->until : UINT64_MAX;
}

bool max_age_of(const struct key *key, uint64_t now, uint32_t *ret_seconds)
{
	uint64_t until = now + UINT64_C(1000000) * key->jwks_max_age;

	if (key->jwks_max_age == 0 || key->alg->family == ALG_AES_KW || key->alg->family == ALG_AES_GCMKW)
		return false;
	until = sooner(until, activates_unknown(key, now));
	for (size_t i = 0; i < key->n_versions; i++)
		until = sooner(until, comes_back(key->versions[i]));
	*ret_seconds = until > now ? (uint32_t)((until - now) / 1000000) : 0;
	return true;
}
