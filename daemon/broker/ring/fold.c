/*
 * One function a type of record: what it does to the ring.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/broker/ring/moves.h"
#include "daemon/broker/ring/ring.h"

static int contradiction(char *ret_why, size_t why_size, const char *what, const KeyRecord *record)
{
	snprintf(ret_why, why_size, "record %llu (%s): %s", (unsigned long long)record->seq, record->type, what);
	return -EPROTO;
}

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

static enum state remembered(const struct version *version, enum state state)
{
	if (state == STATE_WAITING)
		return version->state;
	if (state != STATE_SUSPENDED)
		return STATE_NONE;
	if (version->state == STATE_SUSPENDED) /* gets another end */
		return version->before;
	return version->state == STATE_WAITING ? version->suspension.before : version->state;
}

/* What a version goes back to. A destruction that is taken back restores the suspension that it interrupted. */
static void remember(struct version *version, enum state state)
{
	enum state before = remembered(version, state);
	bool interrupts = state == STATE_WAITING && version->state == STATE_SUSPENDED;

	version->suspension.before = interrupts ? version->before : STATE_NONE;
	version->suspension.until = interrupts ? version->until : 0;
	version->before = before;
}

/* At most one version of a key is active: making one active deactivates the other in the same step. */
static void enter_state(struct version *version, enum state state, uint64_t until, uint64_t time)
{
	struct key *key = version->key;

	if (state == STATE_ACTIVE && key->active && key->active != version)
		enter_state(key->active, STATE_DEACTIVATED, 0, time);
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

static bool intent_matches(const struct intent *intent, const KeyRecord *record)
{
	return intent->cka_id_len == record->cka_id.len && memcmp(intent->cka_id, record->cka_id.data, record->cka_id.len) == 0;
}

static void drop_intent(struct ring *ring, const KeyRecord *record)
{
	for (struct link *link = ring->intents.next; link != &ring->intents; link = link->next) {
		struct intent *intent = list_entry(link, struct intent, link);

		if (!intent_matches(intent, record))
			continue;
		list_remove(link);
		free(intent);
		return;
	}
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

static int fold_version(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	struct key *key = ring_key(ring, record->key);
	const char *fault = version_fault(ring, record, key);
	struct version *version, **grown;
	int r;

	if (fault)
		return contradiction(ret_why, why_size, fault, record);
	if (!key)
		key = key_new(ring, record);
	if (!key)
		return -ENOMEM;
	grown = realloc(key->versions, (key->n_versions + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	key->versions = grown;
	version = version_new(record);
	if (!version)
		return -ENOMEM;
	version->key = key;
	grown[key->n_versions++] = version;
	version->number = (uint32_t)key->n_versions;
	ring->n_versions++;
	if (!version->kid || version->n_alias < record->n_alias || (record->public_key && !version->public_key))
		return -ENOMEM;
	version->taken = ring->live ? 0 : version->reserved;
	r = index_version(ring, version);
	if (r < 0)
		return r == -EEXIST ? contradiction(ret_why, why_size, "a kid stands in it twice", record) : r;
	enter_state(version, version->state, record->until_time, record->time);
	drop_intent(ring, record);
	return 0;
}

static int fold_state(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	struct version *version = ring_version(ring, record->kid);

	if (!version)
		return contradiction(ret_why, why_size, "no such kid", record);
	if (record->state <= CEK__V1__STATE__STATE_UNSPECIFIED || (int)record->state >= STATE_COUNT ||
		!move_recorded(version, (enum state)record->state))
		return contradiction(ret_why, why_size, "no such move", record);
	enter_state(version, (enum state)record->state, record->until_time, record->time);
	if (version->state == STATE_DESTROYED) {
		KeyRecord done = *record;

		done.cka_id = (ProtobufCBinaryData){.data = version->cka_id, .len = version->cka_id_len};
		drop_intent(ring, &done);
	}
	return 0;
}

static int fold_intent(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	struct intent *intent;

	if (record->cka_id.len > CKA_ID_MAX)
		return contradiction(ret_why, why_size, "no valid CKA_ID", record);
	drop_intent(ring, record);
	/* An adoption leaves nothing in the token that was not there before: nothing to look after. */
	if (strcmp(record->op, "adopt") == 0)
		return 0;
	intent = calloc(1, sizeof(*intent));
	if (!intent)
		return -ENOMEM;
	if (record->cka_id.len > 0)
		memcpy(intent->cka_id, record->cka_id.data, record->cka_id.len);
	intent->cka_id_len = record->cka_id.len;
	snprintf(intent->op, sizeof(intent->op), "%s", record->op);
	snprintf(intent->key, sizeof(intent->key), "%s", record->key);
	intent->time = record->time;
	list_append(&ring->intents, &intent->link);
	return 0;
}

static int fold_abandoned(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	drop_intent(ring, record);
	return 0;
}

static int fold_schedule(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	struct key *key = ring_key(ring, record->key);

	if (!key)
		return contradiction(ret_why, why_size, "no such key", record);
	key->max_uses = record->max_uses;
	key->period = record->schedule ? record->schedule->period : 0;
	key->lead = record->schedule ? record->schedule->lead : 0;
	key->overlap = record->schedule ? record->schedule->overlap : 0;
	key->token_lifetime = record->schedule ? record->schedule->token_lifetime : 0;
	key->jwks_max_age = record->schedule ? record->schedule->jwks_max_age : 0;
	return 0;
}

static void set_usage(struct ring *ring, struct version *version, const KidUsage *from)
{
	char listener[256];
	const char *slash = strrchr(from->peer, '/'), *name;

	if (!slash || (size_t)(slash - from->peer) >= sizeof(listener))
		return;
	memcpy(listener, from->peer, (size_t)(slash - from->peer));
	listener[slash - from->peer] = '\0';
	name = ring_intern(ring, listener);
	if (!name)
		return;
	/* The record holds sums, ring_used adds: take off what is there first. */
	for (size_t i = 0; i < version->n_peers; i++) {
		if (version->peers[i].listener == name && version->peers[i].uid == (uint32_t)strtoul(slash + 1, NULL, 10))
			version->peers[i].unwraps = version->peers[i].wraps = 0;
	}
	ring_used(ring, version, name, (uint32_t)strtoul(slash + 1, NULL, 10), from->unwraps, from->wraps, from->last_time);
	version->unwraps -= from->unwraps;
	version->wraps -= from->wraps;
}

static int fold_usage(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	for (size_t i = 0; i < record->n_usage && !ring->live; i++) {
		const KidUsage *usage = record->usage[i];
		struct version *version = ring_version(ring, usage->kid);

		if (!version)
			return contradiction(ret_why, why_size, "no such kid", record);
		if (usage->peer[0] != '\0') {
			set_usage(ring, version, usage);
		} else {
			version->unwraps = usage->unwraps;
			version->wraps = usage->wraps;
			version->refused = usage->refused;
			version->last_used = usage->last_time;
		}
		list_remove(&version->dirty);
	}
	return 0;
}

static int fold_reserve(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	struct version *version = ring_version(ring, record->kid);

	if (!version)
		return contradiction(ret_why, why_size, "no such kid", record);
	version->reserved = record->reserved;
	if (!ring->live)
		version->taken = record->reserved; /* after a restart all of them may have been made */
	return 0;
}

static int fold_missing(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	struct version *version = ring_version(ring, record->kid);

	if (!version)
		return contradiction(ret_why, why_size, "no such kid", record);
	version->missing = strcmp(record->type, "missing") == 0;
	return 0;
}

static int fold_open(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	if (record->file[0] != '\0')
		snprintf(ring->file, sizeof(ring->file), "%s", record->file);
	if (!record->suspect || ring->suspect)
		return 0;
	ring->suspect = true;
	ring->found_time = ring->last_time;
	snprintf(ring->found, sizeof(ring->found), "%s", record->found);
	return 0;
}

/* Go on with an older journal. What it does not know: which destructions were taken back since, and how many AES-GCM
 * wraps were reserved; a version that may have used up all of them makes way for a new one. */
static int fold_restored(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	ring->suspect = false;
	ring->confirmed = true;
	for (size_t i = 0; i < ring->n_keys; i++) {
		struct key *key = ring->keys[i];

		for (size_t j = 0; j < key->n_versions; j++) {
			struct version *version = key->versions[j];

			if (version->state == STATE_WAITING && version->until < record->until_time)
				version->until = record->until_time;
			if (key->alg->family == ALG_AES_GCMKW)
				version->reserved = version->taken = INT64_MAX;
		}
	}
	return 0;
}

static int fold_nothing(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	return 0;
}

static const struct {
	const char *type;
	int (*fold)(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size);
	bool changes_keys; /* a new epoch */
} types[] = {
	{"open", fold_open, false},
	{"intent", fold_intent, false},
	{"version", fold_version, true},
	{"state", fold_state, true},
	{"abandoned", fold_abandoned, false},
	{"schedule", fold_schedule, true},
	{"usage", fold_usage, false},
	{"reserve", fold_reserve, false},
	{"missing", fold_missing, true},
	{"found", fold_missing, true},
	{"clock", fold_nothing, false},
	{"rules", fold_nothing, true},
	{"restored", fold_restored, true},
};

static void watch_clock(struct ring *ring, const KeyRecord *record)
{
	uint64_t last = ring->last_time;

	if (last > 0 && (record->time + RING_CLOCK_BACK_US < last || record->time > last + RING_CLOCK_AHEAD_US))
		ring->clock_suspect = true;
	if (strcmp(record->type, "clock") == 0)
		ring->clock_suspect = false;
	if (record->time > 0)
		ring->last_time = record->time;
}

int ring_apply(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	size_t i = 0;
	int r;

	while (i < sizeof(types) / sizeof(types[0]) && strcmp(types[i].type, record->type) != 0)
		i++;
	if (i == sizeof(types) / sizeof(types[0]))
		return contradiction(ret_why, why_size, "of a type that this version of cekd does not know", record);
	if (record->seq != ring->last_seq + 1)
		return contradiction(ret_why, why_size, "out of order", record);
	r = types[i].fold(ring, record, ret_why, why_size);
	if (r < 0) {
		if (r == -ENOMEM)
			snprintf(ret_why, why_size, "out of memory");
		return r;
	}
	watch_clock(ring, record);
	ring->last_seq = record->seq;
	if (types[i].changes_keys)
		ring->epoch = record->seq;
	return 0;
}
