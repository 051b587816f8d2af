/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/ring/fold_intent.h"
#include "daemon/broker/ring/fold_version.h"
#include "daemon/broker/ring/moves.h"

static PublicKey *public_key_copy(const PublicKey *from)
{
	size_t len = cek__v1__public_key__get_packed_size(from);
	uint8_t *packed = malloc(len > 0 ? len : 1);
	PublicKey *copy;

	if (!packed)
		return NULL;
	cek__v1__public_key__pack(from, packed);
	copy = cek__v1__public_key__unpack(NULL, len, packed);
	free(packed);
	return copy;
}

static struct version *version_new(const KeyRecord *record)
{
	struct version *version = calloc(1, sizeof(*version));

	if (!version)
		return NULL;
	list_init(&version->dirty);
	version->kid = strdup(record->kid);
	version->alias = calloc(record->n_alias > 0 ? record->n_alias : 1, sizeof(*version->alias));
	while (version->alias && version->n_alias < record->n_alias) {
		version->alias[version->n_alias] = strdup(record->alias[version->n_alias]);
		if (!version->alias[version->n_alias])
			break;
		version->n_alias++;
	}
	version->n_alias_given = version->n_alias;
	if (record->public_key)
		version->public_key = public_key_copy(record->public_key);
	if (record->note[0] != '\0')
		version->note = strdup(record->note);
	memcpy(version->cka_id, record->cka_id.data, record->cka_id.len);
	version->cka_id_len = record->cka_id.len;
	version->state = (enum state)record->state;
	version->provenance = (enum provenance)record->provenance;
	version->created = record->time;
	version->bits = record->bits;
	version->reserved = record->reserved;
	return version;
}

static struct key *key_new(struct ring *ring, const KeyRecord *record)
{
	const struct alg *alg = alg_find(record->alg);
	struct key *key = calloc(1, sizeof(*key));
	struct key **grown = realloc(ring->keys, (ring->n_keys + 1) * sizeof(*grown));
	size_t place;

	if (grown)
		ring->keys = grown;
	if (key)
		key->name = strdup(record->key);
	if (!grown || !key || !key->name || table_put(&ring->names, key->name, strlen(key->name), key) < 0) {
		if (key)
			free(key->name);
		free(key);
		return NULL;
	}
	key->alg = alg;
	key->bits = record->bits;
	key->max_uses = record->max_uses;
	snprintf(key->crv, sizeof(key->crv), "%s", record->crv);
	list_init(&key->parked);
	place = ring_after(ring, key->name);
	memmove(&grown[place + 1], &grown[place], (ring->n_keys - place) * sizeof(*grown));
	grown[place] = key;
	ring->n_keys++;
	return key;
}

/* What a version goes back to. */
static void remember(struct version *version, enum state state)
{
	const bool interrupts = state == STATE_WAITING && version->state == STATE_SUSPENDED;
	struct standing standing = move_standing(version);

	moves_enter(&standing, state);
	version->before = standing.before;
	version->suspension.before = standing.interrupted;
	version->suspension.until = interrupts ? version->until : 0;
}

/* At most one version of a key is active: making one active deactivates the other in the same step. */
void fold_enter_state(struct version *version, enum state state, uint64_t until, uint64_t time)
{
	struct key *key = version->key;

	if (state == STATE_ACTIVE && key->active && key->active != version)
		fold_enter_state(key->active, STATE_DEACTIVATED, 0, time);
	remember(version, state);
	if (key->active == version)
		key->active = NULL;
	if (state == STATE_ACTIVE) {
		key->active = version;
		version->deactivated = 0;
		if (version->activated == 0)
			version->activated = time;
	}
	if (state == STATE_DEACTIVATED && version->deactivated == 0)
		version->deactivated = time;
	if (state == STATE_DESTROYED)
		version->destroyed = time;
	version->until = until;
	/* The number stays when a suspension is over: it is what a rehearsal of retirement was for. */
	if ((state == STATE_SUSPENDED && version->state != STATE_WAITING) || state == STATE_COMPROMISED ||
		state == STATE_WAITING)
		version->refused = 0;
	version->state = state;
}

static const char *version_fault(const struct ring *ring, const KeyRecord *record, const struct key *key)
{
	if (!key_name_valid(record->key) || !kid_valid(record->kid))
		return "no valid key name or kid";
	if (record->cka_id.len == 0 || record->cka_id.len > CKA_ID_MAX)
		return "no valid CKA_ID";
	if (!alg_find(record->alg) || strlen(record->crv) > CRV_MAX)
		return "unknown alg or crv";
	if (key && (key->alg != alg_find(record->alg)))
		return "a key has one alg";
	if (record->state != CEK__V1__STATE__STATE_PRE_ACTIVE && record->state != CEK__V1__STATE__STATE_ACTIVE &&
		record->state != CEK__V1__STATE__STATE_DEACTIVATED)
		return "no state that a new version has";
	if (ring_version(ring, record->kid))
		return "this kid was used before";
	if (ring_object(ring, record->cka_id.data, record->cka_id.len))
		return "this CKA_ID was used before";
	for (size_t i = 0; i < record->n_alias; i++) {
		if (!kid_valid(record->alias[i]) || ring_version(ring, record->alias[i]))
			return "an alias is not valid or was used before";
	}
	return NULL;
}

static int index_version(struct ring *ring, struct version *version)
{
	int r = table_put(&ring->kids, version->kid, strlen(version->kid), version);

	for (size_t i = 0; r == 0 && i < version->n_alias; i++)
		r = table_put(&ring->kids, version->alias[i], strlen(version->alias[i]), version);
	if (r == 0)
		r = table_put(&ring->cka_ids, version->cka_id, version->cka_id_len, version);
	return r;
}

int fold_version(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	struct key *key = ring_key(ring, record->key);
	const char *fault = version_fault(ring, record, key);
	struct version *version, **grown;
	int r;

	if (fault)
		return fold_contradiction(ret_why, why_size, fault, record);
	if (!key)
		key = key_new(ring, record);
	if (!key)
		return log_origin(-ENOMEM);
	grown = realloc(key->versions, (key->n_versions + 1) * sizeof(*grown));
	if (!grown)
		return log_origin(-ENOMEM);
	key->versions = grown;
	version = version_new(record);
	if (!version)
		return log_origin(-ENOMEM);
	version->key = key;
	grown[key->n_versions++] = version;
	version->number = (uint32_t)key->n_versions;
	ring->n_versions++;
	if (!version->kid || version->n_alias < record->n_alias || (record->public_key && !version->public_key))
		return log_origin(-ENOMEM);
	version->taken = ring->live ? 0 : version->reserved;
	r = index_version(ring, version);
	if (r < 0)
		return r == -EEXIST ? fold_contradiction(ret_why, why_size, "a kid stands in it twice", record) : r;
	fold_enter_state(version, version->state, record->until_time, record->time);
	fold_end_intent(ring, record);
	return 0;
}

void fold_wait(const struct ring *ring, struct version *version, const KeyRecord *record)
{
	version->until = record->until_time;
	version->wait = wait_begin(&ring->clocks, record->until_time, record->time, record->up);
}

int fold_state(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	struct version *version = ring_version(ring, record->kid);
	KeyRecord done = *record;

	if (!version)
		return fold_contradiction(ret_why, why_size, "no such kid", record);
	if (record->state <= CEK__V1__STATE__STATE_UNSPECIFIED || (int)record->state >= STATE_COUNT ||
		!move_recorded(version, (enum state)record->state))
		return fold_contradiction(ret_why, why_size, "no such move", record);
	fold_enter_state(version, (enum state)record->state, record->until_time, record->time);
	if (version->state == STATE_WAITING)
		fold_wait(ring, version, record);
	/* Destroyed, or its destruction was taken back: a later one begins anew. */
	done.cka_id = (ProtobufCBinaryData){.data = version->cka_id, .len = version->cka_id_len};
	fold_end_intent(ring, &done);
	return 0;
}
