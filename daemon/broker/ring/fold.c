/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function a type of record: what it does to the ring.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/release.h"
#include "daemon/broker/ring/fold_alias.h"
#include "daemon/broker/ring/fold_intent.h"
#include "daemon/broker/ring/fold_version.h"
#include "daemon/broker/ring/ring.h"

static int fold_schedule(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	struct key *key = ring_key(ring, record->key);

	if (!key)
		return fold_contradiction(ret_why, why_size, "no such key", record);
	ring_set_schedule(key, record->schedule, record->max_uses);
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
		if (version->peers[i].listener == name &&
			version->peers[i].uid == (uint32_t)strtoul(slash + 1, NULL, 10))
			version->peers[i].unwraps = version->peers[i].wraps = 0;
	}
	ring_used(ring, version, name, (uint32_t)strtoul(slash + 1, NULL, 10), from->unwraps, from->wraps,
		from->last_time);
	version->unwraps -= from->unwraps;
	version->wraps -= from->wraps;
}

static int fold_usage(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	for (size_t i = 0; i < record->n_usage && !ring->live; i++) {
		const KidUsage *usage = record->usage[i];
		struct version *version = ring_version(ring, usage->kid);

		if (!version)
			return fold_contradiction(ret_why, why_size, "no such kid", record);
		if (usage->peer[0] != '\0') {
			set_usage(ring, version, usage);
		} else {
			version->unwraps = usage->unwraps;
			version->wraps = usage->wraps;
			version->refused = usage->refused;
			version->without_kid = usage->without_kid;
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
		return fold_contradiction(ret_why, why_size, "no such kid", record);
	version->reserved = record->reserved;
	if (!ring->live)
		version->taken = record->reserved; /* after a restart all of them may have been made */
	return 0;
}

static int fold_missing(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	struct version *version = ring_version(ring, record->kid);

	if (!version)
		return fold_contradiction(ret_why, why_size, "no such kid", record);
	version->missing = strcmp(record->type, "missing") == 0;
	return 0;
}

static int fold_open(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	if (record->file[0] != '\0')
		snprintf(ring->file, sizeof(ring->file), "%s", record->file);
	snprintf(ring->release, sizeof(ring->release), "%s", record->version);
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
				fold_wait(ring, version, record);
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
	{"alias", fold_alias, true},
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

/* Before the record changes anything, so that a waiting period that begins with it is counted by them. What is written
 * now is of this boot. */
static void watch_clock(struct ring *ring, const KeyRecord *record)
{
	if (strcmp(record->type, "open") == 0)
		clocks_open(&ring->clocks, ring->live ? ring->boot : record->boot);
	clocks_record(&ring->clocks, record->time, record->up, strcmp(record->type, "clock") == 0);
}

/* A later cekd says in each "open" which one it is, and what it writes after that is its own. */
static int unknown_type(const struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	char what[160] = "of a type that this version of cekd does not know";

	if (release_later(ring->release, CEK_VERSION))
		snprintf(what, sizeof(what),
			"of a type that this version of cekd does not know: this journal was written by cekd %s or "
			"newer; "
			"install it",
			ring->release);
	return fold_contradiction(ret_why, why_size, what, record);
}

int ring_apply(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	size_t i = 0;
	int r;

	while (i < sizeof(types) / sizeof(types[0]) && strcmp(types[i].type, record->type) != 0)
		i++;
	if (i == sizeof(types) / sizeof(types[0]))
		return unknown_type(ring, record, ret_why, why_size);
	if (record->seq != ring->last_seq + 1)
		return fold_contradiction(ret_why, why_size, "out of order", record);
	watch_clock(ring, record);
	r = types[i].fold(ring, record, ret_why, why_size);
	if (r < 0) {
		if (r == -ENOMEM)
			snprintf(ret_why, why_size, "out of memory");
		return r;
	}
	if (record->time > 0)
		ring->last_time = record->time;
	ring->last_seq = record->seq;
	if (types[i].changes_keys)
		ring->epoch = record->seq;
	return 0;
}
