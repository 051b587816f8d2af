/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <sys/mman.h>

#include "base/pool.h"
#include "base/wipe.h"

enum {
	SLAB_SIZE = 65536, /* and its alignment, so that an item finds its slab */
	SLAB_HEADER = 64,
	SLABS_KEPT = 16, /* 1 MiB: mapping, locking and wiping a slab costs as much as dozens of requests */
};

struct slab {
	struct link link;
	struct link free;
	size_t in_use;
};

static struct slab *slab_of(const void *item)
{
	return (struct slab *)(void *)((uintptr_t)item & ~(uintptr_t)(SLAB_SIZE - 1));
}

/* mmap gives page alignment only: map twice as much and cut off what is too much. */
static struct slab *slab_map(void)
{
	uint8_t *base = mmap(NULL, 2 * SLAB_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (base == MAP_FAILED)
		return NULL;
	before = (SLAB_SIZE - ((uintptr_t)base & (SLAB_SIZE - 1))) & (SLAB_SIZE - 1);
	if (before > 0)
		munmap(base, before);
	munmap(base + before + SLAB_SIZE, SLAB_SIZE - before);
	return (struct slab *)(void *)(base + before);
}

static struct slab *slab_new(struct pool *pool)
{
	struct slab *slab = slab_map();

	if (!slab)
		return NULL;
	if (mlock(slab, SLAB_SIZE) < 0)
		pool->unlocked = true;
	madvise(slab, SLAB_SIZE, MADV_DONTDUMP);
	list_init(&slab->free);
	slab->in_use = 0;
	for (size_t i = 0; i < pool->per_slab; i++)
		list_append(&slab->free, (struct link *)(void *)((uint8_t *)slab + SLAB_HEADER + i * pool->item_size));
	pool->items += pool->per_slab;
	list_prepend(&pool->slabs, &slab->link);
	return slab;
}

void pool_init(struct pool *pool, size_t item_size)
{
	item_size = (item_size + 15) & ~(size_t)15;
	*pool = (struct pool){.item_size = item_size, .per_slab = (SLAB_SIZE - SLAB_HEADER) / item_size};
	list_init(&pool->slabs);
}

void pool_deinit(struct pool *pool)
{
	struct link *link;

	while (pool->item_size > 0 && (link = list_take(&pool->slabs))) {
		wipe(link, SLAB_SIZE);
		munmap(link, SLAB_SIZE);
	}
	*pool = (struct pool){0};
}

void *pool_take(struct pool *pool)
{
	struct slab *slab = list_entry(pool->slabs.next, struct slab, link);
	struct link *item;

	if (list_empty(&pool->slabs) || list_empty(&slab->free))
		slab = slab_new(pool);
	if (!slab)
		return NULL;
	item = list_take(&slab->free);
	slab->in_use++;
	pool->in_use++;
	if (list_empty(&slab->free)) {
		list_remove(&slab->link);
		list_append(&pool->slabs, &slab->link);
	}
	return item;
}

void pool_give(struct pool *pool, void *item, size_t used)
{
	struct slab *slab;

	if (!item)
		return;
	slab = slab_of(item);
	wipe(item, used);
	if (list_empty(&slab->free)) {
		list_remove(&slab->link);
		list_prepend(&pool->slabs, &slab->link);
	}
	list_prepend(&slab->free, item);
	slab->in_use--;
	pool->in_use--;
	/* Some slabs of free items stay, so that a load that comes and goes maps nothing. */
	if (slab->in_use == 0 && pool->items - pool->in_use > SLABS_KEPT * pool->per_slab) {
		list_remove(&slab->link);
		pool->items -= pool->per_slab;
		munmap(slab, SLAB_SIZE);
	}
}
