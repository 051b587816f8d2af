/* SPDX-License-Identifier: Apache-2.0 */
/* locked.h: any thread may take a spare one or leave one; nobody ever waits, so that no fork comes at a bad moment. */
#include "client/jose/locked.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "client/jose/process.h"

struct locked {
	struct arena arena; /* first */
	pid_t owner;        /* a lock is not inherited by a child */
	bool spare;         /* of the size that is kept */
};

static _Atomic(struct locked *) spares[LOCKED_SPARES];

static void unmake(struct locked *locked)
{
	arena_deinit(&locked->arena);
	free(locked);
}

static struct arena *make(size_t size)
{
	struct locked *locked = calloc(1, sizeof(*locked));

	if (!locked)
		return NULL;
	if (arena_init(&locked->arena, size) < 0) {
		free(locked);
		return NULL;
	}
	locked->owner = process_id();
	locked->spare = size == LOCKED_SPARE_SIZE;
	return &locked->arena;
}

struct arena *locked_get(size_t size)
{
	for (size_t i = 0; size <= LOCKED_SPARE_SIZE && i < LOCKED_SPARES; i++) {
		struct locked *locked = atomic_load_explicit(&spares[i], memory_order_relaxed);

		if (locked)
			locked = atomic_exchange(&spares[i], NULL);
		if (locked && locked->owner == process_id())
			return &locked->arena;
		if (locked)
			unmake(locked);
	}
	return make(size <= LOCKED_SPARE_SIZE ? LOCKED_SPARE_SIZE : size);
}

struct arena *locked_put(struct arena *arena)
{
	struct locked *locked = (struct locked *)arena;

	if (!locked)
		return NULL;
	arena_reset(arena);
	for (size_t i = 0; locked->spare && i < LOCKED_SPARES; i++) {
		struct locked *none = NULL;

		if (!atomic_load_explicit(&spares[i], memory_order_relaxed) &&
			atomic_compare_exchange_strong(&spares[i], &none, locked))
			return NULL;
	}
	unmake(locked);
	return NULL;
}

/* When the library is unloaded. */
__attribute__((destructor)) static void drop_spares(void)
{
	for (size_t i = 0; i < LOCKED_SPARES; i++) {
		struct locked *locked = atomic_exchange(&spares[i], NULL);

		if (locked)
			unmake(locked);
	}
}
