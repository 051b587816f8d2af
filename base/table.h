/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table from byte strings to pointers.
 */
#pragma once

#include <stddef.h>

struct table_entry;

struct table {
	struct table_entry **buckets;
	size_t n_buckets; /* a power of two, or 0 */
	size_t count;
};

/* NULL if there is none. */
void *table_get(const struct table *table, const void *key, size_t len);

/* The key is copied. 0, -EEXIST (nothing changed) or -ENOMEM. */
int table_put(struct table *table, const void *key, size_t len, void *value);

/* Nothing if there is none. */
void table_remove(struct table *table, const void *key, size_t len);

void table_deinit(struct table *table);
