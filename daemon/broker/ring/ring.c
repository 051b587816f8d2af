/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/broker/ring/ring.h"

void ring_init(struct ring *ring)
{
	*ring = (struct ring){0};
	list_init(&ring->intents);
	list_init(&ring->dirty);
}

static void version_free(struct version *version)
{
	for (size_t i = 0; i < version->n_alias; i++)
		free(version->alias[i]);
	free(version->alias);
	if (version->public_key)
		cek__v1__public_key__free_unpacked(version->public_key, NULL);
	free(version->kid);
	free(version->peers);
	free(version->note);
	free(version);
}

static void key_free(struct key *key)
{
	for (size_t i = 0; i < key->n_versions; i++)
		version_free(key->versions[i]);
	free(key->versions);
	free(key->name);
	free(key);
}

void ring_reset(struct ring *ring)
{
	char **interned = ring->interned;
	size_t n_interned = ring->n_interned;
	char boot[CLOCKS_BOOT_MAX];
	struct link *link;

	for (size_t i = 0; i < ring->n_keys; i++)
		key_free(ring->keys[i]);
	free(ring->keys);
	while (ring->intents.next && (link = list_take(&ring->intents)))
		free(list_entry(link, struct intent, link));
	table_deinit(&ring->names);
	table_deinit(&ring->kids);
	table_deinit(&ring->cka_ids);
	memcpy(boot, ring->boot, sizeof(boot));
	ring_init(ring);
	memcpy(ring->boot, boot, sizeof(boot));
	ring->interned = interned;
	ring->n_interned = n_interned;
}

void ring_deinit(struct ring *ring)
{
	ring_reset(ring);
	for (size_t i = 0; i < ring->n_interned; i++)
		free(ring->interned[i]);
	free(ring->interned);
	ring_init(ring);
}

struct key *ring_key(const struct ring *ring, const char *name)
{
	return table_get(&ring->names, name, strlen(name));
}

struct version *ring_version(const struct ring *ring, const char *kid)
{
	return table_get(&ring->kids, kid, strlen(kid));
}

struct version *ring_object(const struct ring *ring, const uint8_t *cka_id, size_t len)
{
	return table_get(&ring->cka_ids, cka_id, len);
}

void ring_set_schedule(struct key *key, const Schedule *schedule, uint32_t max_uses)
{
	key->max_uses = max_uses;
	key->period = schedule ? schedule->period : 0;
	key->lead = schedule ? schedule->lead : 0;
	key->overlap = schedule ? schedule->overlap : 0;
	key->token_lifetime = schedule ? schedule->token_lifetime : 0;
	key->jwks_max_age = schedule ? schedule->jwks_max_age : 0;
}

const struct usage *ring_last_user(const struct version *version)
{
	const struct usage *last = NULL;

	for (size_t i = 0; i < version->n_peers; i++) {
		if (!last || version->peers[i].last_used > last->last_used)
			last = &version->peers[i];
	}
	return last;
}

PublicKey *ring_public_half(const struct version *version)
{
	const enum alg_family family = version->key->alg->family;

	return family == ALG_RSA_OAEP || family == ALG_ECDH ? version->public_key : NULL;
}

bool ring_destruction_open(const struct ring *ring, const struct version *version)
{
	for (const struct link *link = ring->intents.next; link != &ring->intents; link = link->next) {
		const struct intent *intent = list_entry(link, struct intent, link);

		if (strcmp(intent->op, "destroy") == 0 && intent->cka_id_len == version->cka_id_len &&
			memcmp(intent->cka_id, version->cka_id, version->cka_id_len) == 0)
			return true;
	}
	return false;
}

size_t ring_after(const struct ring *ring, const char *name)
{
	size_t low = 0, high = ring->n_keys;

	while (name && low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(ring->keys[middle]->name, name) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const char *ring_intern(struct ring *ring, const char *name)
{
	char **grown;

	for (size_t i = 0; i < ring->n_interned; i++) {
		if (strcmp(ring->interned[i], name) == 0)
			return ring->interned[i];
	}
	grown = realloc(ring->interned, (ring->n_interned + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	ring->interned = grown;
	grown[ring->n_interned] = strdup(name);
	return grown[ring->n_interned] ? grown[ring->n_interned++] : NULL;
}

bool ring_place(const struct ring *ring, const char *name, size_t *ret_place)
{
	const size_t after = ring_after(ring, name);

	if (after == 0 || strcmp(ring->keys[after - 1]->name, name) != 0)
		return false;
	*ret_place = after - 1;
	return true;
}

/* The place of a peer among those remembered; the one that was seen longest ago makes room for a new one. */
static struct usage *usage_of(struct version *version, const char *listener, uint32_t uid)
{
	struct usage *oldest;

	if (!version->peers)
		version->peers = calloc(RING_PEERS_MAX, sizeof(*version->peers));
	if (!version->peers)
		return NULL;
	oldest = version->peers;
	for (size_t i = 0; i < version->n_peers; i++) {
		struct usage *usage = &version->peers[i];

		if (usage->uid == uid && usage->listener == listener)
			return usage;
		if (usage->last_used < oldest->last_used)
			oldest = usage;
	}
	if (version->n_peers < RING_PEERS_MAX)
		oldest = &version->peers[version->n_peers++];
	else
		version->more_peers = true;
	*oldest = (struct usage){.listener = listener, .uid = uid};
	return oldest;
}

static void mark_dirty(struct ring *ring, struct version *version)
{
	if (list_empty(&version->dirty))
		list_append(&ring->dirty, &version->dirty);
}

void ring_used(struct ring *ring, struct version *version, const char *listener, uint32_t uid, uint64_t unwraps,
	uint64_t wraps, uint64_t now)
{
	struct usage *usage = usage_of(version, listener, uid);

	version->unwraps += unwraps;
	version->wraps += wraps;
	version->last_used = now;
	if (usage) {
		usage->unwraps += unwraps;
		usage->wraps += wraps;
		usage->last_used = now;
	}
	mark_dirty(ring, version);
}

void ring_refused(struct ring *ring, struct version *version)
{
	version->refused++;
	mark_dirty(ring, version);
}
