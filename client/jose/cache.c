/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.h. All entries live equally long, so the order of their making is that of their dying: the slots are a ring,
 * the oldest at first, and only that end is taken away from, unless everything is. Chains of slot numbers find an entry
 * by id.
 */
#include "client/jose/cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <openssl/evp.h>

#include "base/wipe.h"
#include "client/jose/process.h"
#include "proto/alg.h"

enum {
	ENTRIES_MAX = 65536,
	SECONDS_MAX = 86400,
	WATCH_RETRY_MS = 1000, /* after a refused or broken watch */
	PINGS = 2,             /* questions whether the ring is as it was, in the longest silence */
	SILENCE_MIN = 2,       /* seconds */
	SILENCE_MAX = 3600,
	SEED_LEN = 16,
};

struct slot {
	uint8_t id[CACHE_ID_LEN];
	uint32_t next; /* slot number + 1 in the same chain, 0 = none */
	unsigned cek_len;
	uint64_t expires;
	char key[KEY_NAME_MAX + 1];
	char version[KID_MAX + 1];
};

struct cek_jwe_cache {
	cek_conn *conn; /* NULL once it was closed */
	pid_t owner;    /* the process that made it: a child has neither the connection nor, wiped, the CEKs */
	cek_call *watch;
	uint64_t watch_again; /* not before */
	cek_call *ping;       /* a question on the way whether the ring is as it was */
	uint64_t asked;       /* when that was started, or the watch */
	uint64_t heard;       /* the ring was as known at that time or later: when the latest of them was started that
			       * was answered. Not when an answer was read: it may have lain about for long */
	uint64_t max_silence; /* ms */
	uint64_t epoch;
	uint64_t max_age; /* ms */
	size_t max_entries;
	size_t first, entries;
	struct slot *slots;
	uint32_t *chains; /* max_entries of them; slot number + 1 */
	struct arena arena;
	uint8_t *ceks;          /* in the arena, CEK_LEN_MAX a slot */
	EVP_MD *sha256;         /* fetched once, and */
	EVP_MD_CTX *hash;       /* made once: both cost more than a short text */
	uint8_t seed[SEED_LEN]; /* so that nobody outside can aim at one chain */
	struct cek_jwe_cache_stats stats;
};

uint64_t cache_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int cek_jwe_cache_new(cek_conn *conn, size_t max_entries, unsigned max_seconds, cek_jwe_cache **ret_cache)
{
	cek_jwe_cache *cache;

	if (!conn || max_entries == 0 || max_entries > ENTRIES_MAX || max_seconds == 0 || max_seconds > SECONDS_MAX)
		return CEK_JWE_MALFORMED;
	cache = calloc(1, sizeof(*cache));
	if (!cache)
		return CEK_JWE_NOMEM;
	cache->conn = conn;
	cache->owner = process_id();
	cache->max_entries = max_entries;
	cache->max_age = (uint64_t)max_seconds * 1000;
	cache->max_silence = CEK_JWE_SILENCE_DEFAULT * 1000;
	cache->slots = calloc(max_entries, sizeof(*cache->slots));
	cache->chains = calloc(max_entries, sizeof(*cache->chains));
	cache->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	cache->hash = EVP_MD_CTX_new();
	if (!cache->slots || !cache->chains || !cache->sha256 || !cache->hash ||
		arena_init(&cache->arena, max_entries * CEK_LEN_MAX) < 0 ||
		getrandom(cache->seed, sizeof(cache->seed), 0) != (ssize_t)sizeof(cache->seed)) {
		cek_jwe_cache_free(cache);
		return CEK_JWE_NOMEM;
	}
	cache->ceks = arena_alloc(&cache->arena, max_entries * CEK_LEN_MAX);
	*ret_cache = cache;
	return CEK_JWE_OK;
}

cek_jwe_cache *cek_jwe_cache_free(cek_jwe_cache *cache)
{
	if (!cache)
		return NULL;
	if (cache->owner == process_id()) {
		cek_call_cancel(cache->ping);
		cek_call_cancel(cache->watch);
	}
	arena_deinit(&cache->arena);
	EVP_MD_CTX_free(cache->hash);
	EVP_MD_free(cache->sha256);
	free(cache->chains);
	free(cache->slots);
	free(cache);
	return NULL;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static uint32_t *chain_of(cek_jwe_cache *cache, const uint8_t id[CACHE_ID_LEN])
{
	uint64_t bits;

	memcpy(&bits, id, sizeof(bits));
	return &cache->chains[bits % cache->max_entries];
}

static struct slot *slot_find(cek_jwe_cache *cache, const uint8_t id[CACHE_ID_LEN])
{
	for (uint32_t number = *chain_of(cache, id); number > 0; number = cache->slots[number - 1].next)
		if (memcmp(cache->slots[number - 1].id, id, CACHE_ID_LEN) == 0)
			return &cache->slots[number - 1];
	return NULL;
}

static uint8_t *cek_of(const cek_jwe_cache *cache, const struct slot *slot)
{
	return cache->ceks + (size_t)(slot - cache->slots) * CEK_LEN_MAX;
}

static void remove_oldest(cek_jwe_cache *cache)
{
	struct slot *slot = &cache->slots[cache->first];
	uint32_t *link = chain_of(cache, slot->id);

	while (*link != cache->first + 1)
		link = &cache->slots[*link - 1].next;
	*link = slot->next;
	wipe(cek_of(cache, slot), CEK_LEN_MAX);
	cache->first = (cache->first + 1) % cache->max_entries;
	cache->entries--;
}

void cek_jwe_cache_drop(cek_jwe_cache *cache)
{
	cache->stats.dropped += cache->entries;
	while (cache->entries > 0)
		remove_oldest(cache);
}

int cache_expire(cek_jwe_cache *cache, uint64_t now)
{
	while (cache->entries > 0 && cache->slots[cache->first].expires <= now) {
		remove_oldest(cache);
		cache->stats.expired++;
	}
	return cache->entries > 0 ? (int)(cache->slots[cache->first].expires - now) : -1;
}

int cek_jwe_cache_expire(cek_jwe_cache *cache)
{
	return cache_expire(cache, cache_now());
}

/* ---- the ring's epoch -------------------------------------------------------------------------------------------- */

static void epoch_is(cek_jwe_cache *cache, uint64_t epoch)
{
	if (epoch != cache->epoch)
		cek_jwe_cache_drop(cache);
	cache->epoch = epoch;
}

/* Each new epoch, as long as the status is OK; then once more, for the end. */
static void watched(cek_call *call, cek_result *result, void *userdata)
{
	cek_jwe_cache *cache = userdata;
	int status = cek_result_status(result);

	(void)call;
	if (status == CEK_OK) {
		if (!cache->stats.live)
			cache->heard = cache->asked;
		cache->stats.live = true;
		epoch_is(cache, cek_result_epoch(result));
		return;
	}
	cache->watch = NULL;
	cache->stats.live = false;
	cache->watch_again = cache_now() + WATCH_RETRY_MS;
	cek_jwe_cache_drop(cache);
	if (status == CEK_E_CANCELLED)
		cache->conn = NULL; /* it is being closed; or the cache is, which then does not need it either */
}

/* cekd answers a second watch of the same connection with the present epoch, whether it says so or that it has one. */
static void pinged(cek_call *call, cek_result *result, void *userdata)
{
	cek_jwe_cache *cache = userdata;

	if (cek_result_status(result) != CEK_OK) {
		cache->ping = NULL;
		return;
	}
	if (cache->stats.live) {
		cache->heard = cache->asked;
		epoch_is(cache, cek_result_epoch(result));
	}
	cek_call_cancel(call); /* comes here once more */
}

static bool is_mine(const cek_jwe_cache *cache, const cek_conn *conn)
{
	return conn && conn == cache->conn && cache->owner == process_id();
}

void cache_ask(cek_jwe_cache *cache, cek_conn *conn, uint64_t now)
{
	bool again = cache->stats.live;

	if (!is_mine(cache, conn))
		return;
	if (again ? cache->ping || now < cache->asked + cache->max_silence / PINGS
		  : cache->watch || now < cache->watch_again)
		return;
	cache->asked = now;
	if (again)
		(void)cek_watch_start(conn, pinged, cache, &cache->ping);
	else if (cek_watch_start(conn, watched, cache, &cache->watch) != CEK_OK)
		cache->watch_again = now + WATCH_RETRY_MS;
}

static bool is_live(const cek_jwe_cache *cache, uint64_t now)
{
	return cache->stats.live && now <= cache->heard + cache->max_silence;
}

/* Whether the cache may be used now. */
static bool is_ready(cek_jwe_cache *cache, cek_conn *conn, uint64_t now)
{
	if (!is_mine(cache, conn))
		return false;
	cache_ask(cache, conn, now);
	if (cache->stats.live)
		epoch_is(cache, cek_conn_epoch(conn));
	return is_live(cache, now);
}

int cek_jwe_cache_set_silence(cek_jwe_cache *cache, unsigned max_seconds)
{
	if (max_seconds < SILENCE_MIN || max_seconds > SILENCE_MAX)
		return CEK_JWE_MALFORMED;
	cache->max_silence = (uint64_t)max_seconds * 1000;
	return CEK_JWE_OK;
}

/* ---- use --------------------------------------------------------------------------------------------------------- */

bool cache_find(cek_jwe_cache *cache, cek_conn *conn, const uint8_t id[CACHE_ID_LEN], uint64_t now,
	struct cached *ret_cached)
{
	const struct slot *slot;

	cache_expire(cache, now);
	slot = is_ready(cache, conn, now) ? slot_find(cache, id) : NULL;
	if (!slot) {
		cache->stats.misses++;
		return false;
	}
	cache->stats.hits++;
	*ret_cached = (struct cached){{cek_of(cache, slot), slot->cek_len}, slot->key, slot->version};
	return true;
}

void cache_store(cek_jwe_cache *cache, const uint8_t id[CACHE_ID_LEN], uint64_t now, uint64_t epoch,
	const struct cached *cached)
{
	struct slot *slot;
	uint32_t *chain;

	cache_expire(cache, now);
	if (!is_ready(cache, cache->conn, now) || epoch != cache->epoch || slot_find(cache, id) ||
		cached->cek.len > CEK_LEN_MAX)
		return;
	if (cache->entries == cache->max_entries) {
		remove_oldest(cache);
		cache->stats.evicted++;
	}
	slot = &cache->slots[(cache->first + cache->entries) % cache->max_entries];
	*slot = (struct slot){.cek_len = (unsigned)cached->cek.len, .expires = now + cache->max_age};
	memcpy(slot->id, id, CACHE_ID_LEN);
	strncpy(slot->key, cached->key ? cached->key : "", KEY_NAME_MAX);
	strncpy(slot->version, cached->version ? cached->version : "", KID_MAX);
	memcpy(cek_of(cache, slot), cached->cek.data, cached->cek.len);
	chain = chain_of(cache, id);
	slot->next = *chain;
	*chain = (uint32_t)(slot - cache->slots) + 1;
	cache->entries++;
	cache->stats.stored++;
}

static bool hash_part(EVP_MD_CTX *ctx, const void *data, size_t len)
{
	uint64_t prefix = len;

	return EVP_DigestUpdate(ctx, &prefix, sizeof(prefix)) && EVP_DigestUpdate(ctx, data, len);
}

bool cache_id(const cek_jwe_cache *cache, const struct pending *pending, uint8_t ret_id[CACHE_ID_LEN])
{
	const char *key = pending->key ? pending->key : "";
	EVP_MD_CTX *ctx = cache->hash;

	return EVP_DigestInit_ex(ctx, cache->sha256, NULL) && hash_part(ctx, cache->seed, sizeof(cache->seed)) &&
		hash_part(ctx, key, strlen(key)) && hash_part(ctx, pending->aad.text, pending->aad.len) &&
		hash_part(ctx, pending->encrypted_key.data, pending->encrypted_key.len) &&
		EVP_DigestFinal_ex(ctx, ret_id, NULL);
}

void cek_jwe_cache_get_stats(const cek_jwe_cache *cache, struct cek_jwe_cache_stats *ret_stats)
{
	*ret_stats = cache->stats;
	ret_stats->entries = cache->entries;
	ret_stats->live = is_live(cache, cache_now());
}
