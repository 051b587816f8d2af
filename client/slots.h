/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for results: locked slabs cut into slots, so that a result costs no system call. Results outlive the
 * connection; the slots go with the last of them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	SLOT_SIZE = 4096, /* bytes: every reply of the hot path, packed and unpacked, with the largest RSA key */
	SLAB_SLOTS = 8,
};

struct slots;
struct slots_slab;

/* Slots with one reference, NULL if there is no memory. Nothing is locked yet. */
struct slots *slots_new(void);

/* The connection is gone: the slots follow when the last of them is given back. NULL is allowed. */
void slots_close(struct slots *slots);

/* A zeroed slot of SLOT_SIZE bytes and the slab it belongs to, or NULL. */
void *slots_take(struct slots *slots, struct slots_slab **ret_slab);

/* Give a slot back, which the caller has wiped. */
void slots_give(struct slots_slab *slab, void *slot);
