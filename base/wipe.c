/* SPDX-License-Identifier: Apache-2.0 */
/* wipe.h: one mapping an arena, a bump pointer in it. */
#include "base/wipe.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ARENA_ALIGN = 16 };

void wipe(void *data, size_t len)
{
	if (len > 0)
		explicit_bzero(data, len);
}

static void *allocator_alloc(void *data, size_t size)
{
	return arena_alloc(data, size);
}

static void allocator_free(void *data, void *pointer)
{
	(void)data;
	(void)pointer; /* arena_reset() wipes it with the rest: protobuf-c does not tell its size */
}

int arena_init(struct arena *arena, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *base;

	if (size == 0 || size > SIZE_MAX / 2)
		return -EINVAL;
	size = (size + page - 1) & ~(page - 1);
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	/* Advice, not a condition: an old kernel that knows neither still has the lock and the wiping. */
	(void)madvise(base, size, MADV_DONTDUMP);
	(void)madvise(base, size, MADV_WIPEONFORK);
	*arena = (struct arena){
		.base = base,
		.size = size,
		.locked = mlock(base, size) == 0,
		.allocator = {.alloc = allocator_alloc, .free = allocator_free},
	};
	return 0;
}

void arena_over(struct arena *arena, void *base, size_t size)
{
	*arena = (struct arena){
		.base = base,
		.size = size,
		.allocator = {.alloc = allocator_alloc, .free = allocator_free},
	};
}

void arena_deinit(struct arena *arena)
{
	if (!arena->base)
		return;
	arena_reset(arena);
	munmap(arena->base, arena->size); /* also unlocks */
	*arena = (struct arena){0};
}

void arena_reset(struct arena *arena)
{
	wipe(arena->base, arena->used);
	arena->used = 0;
	arena->full = false;
}

static void *arena_is_full(struct arena *arena)
{
	arena->full = true;
	return NULL;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	uint8_t *result;

	if (size > arena->size) /* and could overflow below */
		return arena_is_full(arena);
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (size == 0)
		size = ARENA_ALIGN; /* protobuf-c takes NULL for a failure */
	if (size > arena->size - arena->used)
		return arena_is_full(arena);
	result = arena->base + arena->used;
	arena->used += size;
	return result;
}

ProtobufCAllocator *arena_allocator(struct arena *arena)
{
	arena->allocator.allocator_data = arena;
	return &arena->allocator;
}
