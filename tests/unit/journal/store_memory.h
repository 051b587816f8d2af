/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/journal/store.h in memory, as a store that waits for a network would be: a journal that several stores share,
 * each of which hears later, in a turn of its own, what became of what it asked for.
 */
#pragma once

#include <stdbool.h>

#include "daemon/journal/store.h"
#include "daemon/journal/text.h"

enum { MEMORY_STORES = 4 };

struct store_memory;

/* What is shared. Zeroed before the first store, with head at the start of a chain. */
struct memory_journal {
	struct text text; /* its lines */
	struct chain_head head;
	struct store_memory *stores[MEMORY_STORES];
};

struct store *store_memory_open(struct memory_journal *journal);

/* From now on nothing completes, until it is let go again. */
void store_memory_hold(struct store *store, bool hold);

/* The next append ends so; in the journal it stands only if it is done or written. */
void store_memory_next(struct store *store, enum store_outcome outcome, bool written);
