/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/broker/lifecycle/shadow.h"
#include "daemon/broker/ring/fold_alias.h"
#include "daemon/broker/ring/fold_version.h"

static char not_made[] = "";

struct shadow *shadow_free(struct shadow *shadow)
{
	if (!shadow)
		return NULL;
	free(shadow->pointers);
	free(shadow->versions);
	free(shadow);
	return NULL;
}

/* Its versions are numbered 1, 2, … */
static struct version *same(struct shadow *shadow, const struct version *version)
{
	return version ? &shadow->versions[version->number - 1] : NULL;
}

static void copy_versions(struct shadow *shadow, const struct key *from)
{
	struct key *key = &shadow->key;

	for (size_t i = 0; i < from->n_versions; i++) {
		shadow->versions[i] = *from->versions[i];
		shadow->versions[i].key = key;
		shadow->pointers[i] = &shadow->versions[i];
	}
	key->active = same(shadow, from->active);
}

static void add_version(struct shadow *shadow, const struct change *change, enum state state, uint64_t now)
{
	struct key *key = &shadow->key;
	struct version *version = &shadow->versions[key->n_versions];

	*version = (struct version){.key = key,
		.kid = change->kid[0] != '\0' ? (char *)change->kid : not_made,
		.number = (uint32_t)key->n_versions + 1,
		.bits = change->bits,
		.state = state,
		.provenance = change->kind == CHANGE_IMPORT ? PROVENANCE_IMPORTED
			: change->kind == CHANGE_ADOPT      ? PROVENANCE_ADOPTED
							    : PROVENANCE_GENERATED,
		.created = now};
	shadow->pointers[key->n_versions++] = version;
	shadow->changed = version;
	fold_enter_state(version, state, 0, now);
}

static void move(struct shadow *shadow, const struct change *change, uint64_t now)
{
	const bool first = change->successor && change->state == STATE_SUSPENDED;

	shadow->changed = same(shadow, change->version);
	if (first)
		fold_enter_state(same(shadow, change->successor), STATE_ACTIVE, 0, now);
	fold_enter_state(shadow->changed, change->state, change->until, now);
	if (change->successor && !first)
		fold_enter_state(same(shadow, change->successor), STATE_ACTIVE, 0, now);
	else if (change->then_rotate)
		add_version(shadow, change, STATE_ACTIVE, now);
	if (change->then_rotate)
		shadow->changed = same(shadow, change->version);
}

static void set_alias(struct shadow *shadow, const struct change *change)
{
	struct version *version = shadow->changed = same(shadow, change->version);
	size_t n = 0;

	for (size_t i = 0; i < version->n_alias && n < ALIASES_MAX; i++) {
		if (!change->removes || i != alias_place(version, change->kid))
			shadow->alias[n++] = version->alias[i];
	}
	if (!change->removes)
		shadow->alias[n++] = (char *)change->kid;
	version->alias = shadow->alias;
	version->n_alias = n;
}

static void apply(struct shadow *shadow, const struct change *change, uint64_t now)
{
	switch (change->kind) {
	case CHANGE_MOVE:
		move(shadow, change, now);
		break;
	case CHANGE_SCHEDULE:
		ring_set_schedule(&shadow->key, &change->schedule, change->max_uses);
		break;
	case CHANGE_ALIAS:
		set_alias(shadow, change);
		break;
	default:
		add_version(shadow, change, change->state, now);
		if (!change->then_suspend)
			break;
		shadow->changed = same(shadow, change->then_suspend);
		fold_enter_state(shadow->changed, STATE_SUSPENDED, change->until, now);
	}
}

struct shadow *shadow_new(const struct change *change, uint64_t now)
{
	const size_t n = change->key ? change->key->n_versions : 0;
	struct shadow *shadow = calloc(1, sizeof(*shadow));

	if (!shadow)
		return NULL;
	shadow->versions = calloc(n + 1, sizeof(*shadow->versions));
	shadow->pointers = calloc(n + 1, sizeof(*shadow->pointers));
	if (!shadow->versions || !shadow->pointers)
		return shadow_free(shadow);
	if (change->key)
		shadow->key = *change->key;
	shadow->key.versions = shadow->pointers;
	if (change->key)
		copy_versions(shadow, change->key);
	else
		shadow->key.max_uses = change->max_uses;
	if (!change->key) {
		shadow->key.name = (char *)change->name;
		shadow->key.alg = change->alg;
		shadow->key.bits = change->bits;
		snprintf(shadow->key.crv, sizeof(shadow->key.crv), "%s", change->crv);
	}
	apply(shadow, change, now);
	return shadow;
}
