/* SPDX-License-Identifier: Apache-2.0 */
/* heap.h: most deadlines lie at the same distance, so that a new one usually stays where it is put, at the end. */
#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>

enum { HEAP_MIN = 16 };

static void put(struct heap *heap, size_t i, struct heap_node *node)
{
	heap->nodes[i] = node;
	node->at = i + 1;
}

static void sift_up(struct heap *heap, size_t i, struct heap_node *node)
{
	while (i > 0 && heap->nodes[(i - 1) / 2]->key > node->key) {
		put(heap, i, heap->nodes[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(heap, i, node);
}

static void sift_down(struct heap *heap, size_t i, struct heap_node *node)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < heap->len && heap->nodes[child + 1]->key < heap->nodes[child]->key)
			child++;
		if (child >= heap->len || heap->nodes[child]->key >= node->key)
			break;
		put(heap, i, heap->nodes[child]);
		i = child;
	}
	put(heap, i, node);
}

int heap_add(struct heap *heap, struct heap_node *node)
{
	if (heap->len == heap->size) {
		size_t size = heap->size ? heap->size * 2 : HEAP_MIN;
		struct heap_node **nodes = reallocarray(heap->nodes, size, sizeof(*nodes));

		if (!nodes)
			return -ENOMEM;
		heap->nodes = nodes;
		heap->size = size;
	}
	sift_up(heap, heap->len++, node);
	return 0;
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
	size_t i = node->at;
	struct heap_node *last;

	if (i == 0)
		return;
	node->at = 0;
	last = heap->nodes[--heap->len];
	if (last == node)
		return;
	i--;
	if (i > 0 && heap->nodes[(i - 1) / 2]->key > last->key)
		sift_up(heap, i, last);
	else
		sift_down(heap, i, last);
}

struct heap_node *heap_first(const struct heap *heap)
{
	return heap->len > 0 ? heap->nodes[0] : NULL;
}

void heap_deinit(struct heap *heap)
{
	free(heap->nodes);
	*heap = (struct heap){0};
}
