/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arenas (base/wipe.h) for one operation, kept for the next one: mapping and locking costs more than decrypting a
 * token.
 */
#pragma once

#include <stddef.h>

#include "base/wipe.h"

enum {
	LOCKED_SPARE_SIZE = 8192, /* bytes; a larger arena is a mapping of its own, and goes at once */
	LOCKED_SPARES = 128,
};

/* An arena of at least size bytes, or NULL without memory. */
struct arena *locked_get(size_t size);

/* Wipe it and give it back. NULL is allowed; returns NULL. */
struct arena *locked_put(struct arena *arena);
