/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is earliest among many: a binary heap of pointers to nodes that live inside their elements, ordered by key.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct heap_node {
	uint64_t key; /* stays as it is while the node is in */
	size_t at;    /* place in the heap + 1; 0 = not in */
};

struct heap {
	struct heap_node **nodes;
	size_t len;
	size_t size;
};

/* Put a node in, or take one out. 0 or -ENOMEM. Taking out one that is not in does nothing. */
int heap_add(struct heap *heap, struct heap_node *node);
void heap_remove(struct heap *heap, struct heap_node *node);

/* The node of the smallest key, or NULL. */
struct heap_node *heap_first(const struct heap *heap);

void heap_deinit(struct heap *heap);
