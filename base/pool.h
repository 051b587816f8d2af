/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items of one size in memory that is locked, left out of core dumps and wiped: replies on their way out, frames on
 * their way in and jobs hold CEKs. Grows and shrinks by slabs of 64 KiB, of which sixteen may stay empty; taking and
 * giving back cost a few instructions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"

struct pool {
	size_t item_size;
	size_t per_slab;
	size_t items; /* in all slabs */
	size_t in_use;
	bool unlocked;     /* a slab could not be locked: RLIMIT_MEMLOCK is too small */
	struct link slabs; /* those with free items first */
};

/* item_size at most 16 KiB. Nothing is mapped before the first item is taken. */
void pool_init(struct pool *pool, size_t item_size);

/* Unmap everything, whether given back or not. */
void pool_deinit(struct pool *pool);

/* An item whose content is undefined, 16-byte aligned; NULL when there is no memory. */
void *pool_take(struct pool *pool);

/* Wipe the first used bytes and give the item back. NULL is allowed. */
void pool_give(struct pool *pool, void *item, size_t used);
