/*
 * Memory for results: locked slabs cut into slots, so that a result costs no system call. Results outlive the
 * connection; the pool goes with the last of them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	SLOT_SIZE = 4096, /* bytes: every reply of the hot path, packed and unpacked, with the largest RSA key */
	SLAB_SLOTS = 8,
};

struct pool;
struct slab;

/* A pool with one reference, NULL if there is no memory. Nothing is locked yet. */
struct pool *pool_new(void);

/* The connection is gone: the pool follows when its last slot is given back. NULL is allowed. */
void pool_close(struct pool *pool);

/* A zeroed slot of SLOT_SIZE bytes and the slab it belongs to, or NULL. */
void *pool_take(struct pool *pool, struct slab **ret_slab);

/* Give a slot back, which the caller has wiped. */
void pool_give(struct slab *slab, void *slot);
