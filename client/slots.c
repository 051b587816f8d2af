/* SPDX-License-Identifier: Apache-2.0 */
/* slots.h: slabs with a free slot stand in front, full ones behind them; one empty slab is kept for the next burst. Not
 * base/pool.h, since results outlive their connection, and a fork wipes them. */
#include "client/slots.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/wipe.h"

enum { ALL_TAKEN = (1u << SLAB_SLOTS) - 1 };

struct slots_slab {
	struct link link;
	struct slots *slots;
	struct arena memory;
	uint8_t *base;
	unsigned taken; /* a bit a slot */
};

struct slots {
	struct link slabs;
	size_t n_taken;
	size_t n_empty; /* slabs */
	bool closed;
};

static struct slots_slab *slab_new(struct slots *slots)
{
	struct slots_slab *slab = calloc(1, sizeof(*slab));

	if (!slab)
		return NULL;
	if (arena_init(&slab->memory, SLAB_SLOTS * SLOT_SIZE) < 0) {
		free(slab);
		return NULL;
	}
	slab->base = arena_alloc(&slab->memory, SLAB_SLOTS * SLOT_SIZE);
	slab->slots = slots;
	list_prepend(&slots->slabs, &slab->link);
	slots->n_empty++;
	return slab;
}

static void slab_free(struct slots_slab *slab)
{
	list_remove(&slab->link);
	slab->slots->n_empty--;
	arena_deinit(&slab->memory);
	free(slab);
}

static void slots_free(struct slots *slots)
{
	while (!list_empty(&slots->slabs))
		slab_free(list_entry(slots->slabs.next, struct slots_slab, link));
	free(slots);
}

struct slots *slots_new(void)
{
	struct slots *slots = calloc(1, sizeof(*slots));

	if (slots)
		list_init(&slots->slabs);
	return slots;
}

void slots_close(struct slots *slots)
{
	if (!slots)
		return;
	slots->closed = true;
	if (slots->n_taken == 0)
		slots_free(slots);
}

void *slots_take(struct slots *slots, struct slots_slab **ret_slab)
{
	struct slots_slab *slab = list_entry(slots->slabs.next, struct slots_slab, link);
	unsigned i;

	if (list_empty(&slots->slabs) || slab->taken == ALL_TAKEN)
		slab = slab_new(slots);
	if (!slab)
		return NULL;
	if (slab->taken == 0)
		slots->n_empty--;
	i = (unsigned)__builtin_ctz(~slab->taken);
	slab->taken |= 1u << i;
	slots->n_taken++;
	if (slab->taken == ALL_TAKEN) {
		list_remove(&slab->link);
		list_append(&slots->slabs, &slab->link);
	}
	*ret_slab = slab;
	return slab->base + i * SLOT_SIZE;
}

void slots_give(struct slots_slab *slab, void *slot)
{
	struct slots *slots = slab->slots;
	size_t i = (size_t)((uint8_t *)slot - slab->base) / SLOT_SIZE;

	if (slab->taken == ALL_TAKEN) {
		list_remove(&slab->link);
		list_prepend(&slots->slabs, &slab->link);
	}
	slab->taken &= ~(1u << i);
	slots->n_taken--;
	if (slab->taken == 0 && ++slots->n_empty > 1)
		slab_free(slab);
	if (slots->closed && slots->n_taken == 0)
		slots_free(slots);
}
