/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for secrets (CEK, PIN, Z): locked into RAM, left out of core dumps, wiped before it is given back.
 *
 * An arena is one such mapping of a fixed size. protobuf-c frees without telling a size, and leaves earlier copies of
 * repeated singular fields behind; therefore single frees do nothing and arena_reset() wipes all that was handed out.
 * A request that needs more than the arena has fails to decode: that is the bound (docs/facts.md, protobuf-c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

struct arena {
	uint8_t *base;
	size_t size;
	size_t used;
	bool locked; /* mlock succeeded; otherwise RLIMIT_MEMLOCK was too small */
	bool full;   /* more was asked for than it has, since it was last empty */
	ProtobufCAllocator allocator;
};

/* Overwrite with zeros in a way that the compiler keeps. NULL with len 0 is allowed. */
void wipe(void *data, size_t len);

/* Map an arena of at least size bytes (rounded up to pages). 0, or -errno; locked tells whether it could be locked. */
int arena_init(struct arena *arena, size_t size);

/* Use a part of another arena's memory, zeroed and 16-byte aligned, as an arena of its own. Reset it, never deinit it.
 */
void arena_over(struct arena *arena, void *base, size_t size);

/* Wipe and unmap. Safe on a zeroed struct. */
void arena_deinit(struct arena *arena);

/* Wipe what was handed out and start anew. */
void arena_reset(struct arena *arena);

/* 16-byte aligned, zeroed; NULL when the arena is full. */
void *arena_alloc(struct arena *arena, size_t size);

/* For protobuf-c; free does nothing. Valid as long as the arena stays where it is. */
ProtobufCAllocator *arena_allocator(struct arena *arena);
