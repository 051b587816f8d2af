/* pool.h: slabs with a free slot stand in front, full ones behind them; one empty slab is kept for the next burst. */
#include "client/pool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/wipe.h"

enum { ALL_TAKEN = (1u << SLAB_SLOTS) - 1 };

struct slab {
	TAILQ_ENTRY(slab) link;
	struct pool *pool;
	struct arena memory;
	uint8_t *base;
	unsigned taken; /* a bit a slot */
};

struct pool {
	TAILQ_HEAD(slab_list, slab) slabs;
	size_t n_taken;
	size_t n_empty; /* slabs */
	bool closed;
};

static struct slab *slab_new(struct pool *pool)
{
	struct slab *slab = calloc(1, sizeof(*slab));

	if (!slab)
		return NULL;
	if (arena_init(&slab->memory, SLAB_SLOTS * SLOT_SIZE) < 0) {
		free(slab);
		return NULL;
	}
	slab->base = arena_alloc(&slab->memory, SLAB_SLOTS * SLOT_SIZE);
	slab->pool = pool;
	TAILQ_INSERT_HEAD(&pool->slabs, slab, link);
	pool->n_empty++;
	return slab;
}

static void slab_free(struct slab *slab)
{
	TAILQ_REMOVE(&slab->pool->slabs, slab, link);
	slab->pool->n_empty--;
	arena_deinit(&slab->memory);
	free(slab);
}

static void pool_free(struct pool *pool)
{
	while (!TAILQ_EMPTY(&pool->slabs))
		slab_free(TAILQ_FIRST(&pool->slabs));
	free(pool);
}

struct pool *pool_new(void)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (pool)
		TAILQ_INIT(&pool->slabs);
	return pool;
}

void pool_close(struct pool *pool)
{
	if (!pool)
		return;
	pool->closed = true;
	if (pool->n_taken == 0)
		pool_free(pool);
}

void *pool_take(struct pool *pool, struct slab **ret_slab)
{
	struct slab *slab = TAILQ_FIRST(&pool->slabs);
	unsigned i;

	if (!slab || slab->taken == ALL_TAKEN)
		slab = slab_new(pool);
	if (!slab)
		return NULL;
	if (slab->taken == 0)
		pool->n_empty--;
	i = (unsigned)__builtin_ctz(~slab->taken);
	slab->taken |= 1u << i;
	pool->n_taken++;
	if (slab->taken == ALL_TAKEN) {
		TAILQ_REMOVE(&pool->slabs, slab, link);
		TAILQ_INSERT_TAIL(&pool->slabs, slab, link);
	}
	*ret_slab = slab;
	return slab->base + i * SLOT_SIZE;
}

void pool_give(struct slab *slab, void *slot)
{
	struct pool *pool = slab->pool;
	size_t i = (size_t)((uint8_t *)slot - slab->base) / SLOT_SIZE;

	if (slab->taken == ALL_TAKEN) {
		TAILQ_REMOVE(&pool->slabs, slab, link);
		TAILQ_INSERT_HEAD(&pool->slabs, slab, link);
	}
	slab->taken &= ~(1u << i);
	pool->n_taken--;
	if (slab->taken == 0 && ++pool->n_empty > 1)
		slab_free(slab);
	if (pool->closed && pool->n_taken == 0)
		pool_free(pool);
}
