/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"

enum { BUCKETS_MIN = 64 };

struct table_entry {
	struct table_entry *next;
	void *value;
	uint64_t hash;
	size_t len;
	unsigned char key[];
};

/* FNV-1a, eight bytes a step: peers look up, but only operators add, so nobody can aim for collisions. */
static uint64_t hash_bytes(const unsigned char *key, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325u ^ len, word;

	while (len > 0) {
		const size_t n = len < sizeof(word) ? len : sizeof(word);

		word = 0;
		memcpy(&word, key, n);
		hash = (hash ^ word) * 0x100000001b3u;
		hash ^= hash >> 29; /* the buckets take the low bits */
		key += n;
		len -= n;
	}
	return hash;
}

static struct table_entry *find(const struct table *table, const void *key, size_t len, uint64_t hash)
{
	struct table_entry *entry = table->n_buckets > 0 ? table->buckets[hash & (table->n_buckets - 1)] : NULL;

	while (entry && (entry->hash != hash || entry->len != len || memcmp(entry->key, key, len) != 0))
		entry = entry->next;
	return entry;
}

void *table_get(const struct table *table, const void *key, size_t len)
{
	struct table_entry *entry = find(table, key, len, hash_bytes(key, len));

	return entry ? entry->value : NULL;
}

static int grow(struct table *table)
{
	size_t n = table->n_buckets > 0 ? 2 * table->n_buckets : BUCKETS_MIN;
	struct table_entry **buckets = calloc(n, sizeof(*buckets)), *entry;

	if (!buckets)
		return -ENOMEM;
	for (size_t i = 0; i < table->n_buckets; i++) {
		while ((entry = table->buckets[i])) {
			table->buckets[i] = entry->next;
			entry->next = buckets[entry->hash & (n - 1)];
			buckets[entry->hash & (n - 1)] = entry;
		}
	}
	free(table->buckets);
	table->buckets = buckets;
	table->n_buckets = n;
	return 0;
}

int table_put(struct table *table, const void *key, size_t len, void *value)
{
	uint64_t hash = hash_bytes(key, len);
	struct table_entry *entry, **bucket;

	if (find(table, key, len, hash))
		return -EEXIST;
	if (table->count >= table->n_buckets && grow(table) < 0)
		return -ENOMEM;
	entry = malloc(sizeof(*entry) + len);
	if (!entry)
		return -ENOMEM;
	bucket = &table->buckets[hash & (table->n_buckets - 1)];
	*entry = (struct table_entry){.next = *bucket, .value = value, .hash = hash, .len = len};
	memcpy(entry->key, key, len);
	*bucket = entry;
	table->count++;
	return 0;
}

void table_remove(struct table *table, const void *key, size_t len)
{
	uint64_t hash = hash_bytes(key, len);
	struct table_entry *entry = find(table, key, len, hash), **at;

	if (!entry)
		return;
	at = &table->buckets[hash & (table->n_buckets - 1)];
	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	free(entry);
	table->count--;
}

void table_deinit(struct table *table)
{
	for (size_t i = 0; i < table->n_buckets; i++) {
		while (table->buckets[i]) {
			struct table_entry *entry = table->buckets[i];

			table->buckets[i] = entry->next;
			free(entry);
		}
	}
	free(table->buckets);
	*table = (struct table){0};
}
