/* SPDX-License-Identifier: Apache-2.0 */
#include "base/queue.h"

#include <stddef.h>

void queue_init(struct queue *queue)
{
	*queue = (struct queue){0};
	for (unsigned i = 0; i < QUEUE_SHARES; i++)
		list_init(&queue->shares[i]);
}

static struct link *added(struct queue *queue, uint32_t uid)
{
	queue->n++;
	queue->waiting |= UINT64_C(1) << uid % QUEUE_SHARES;
	return &queue->shares[uid % QUEUE_SHARES];
}

void queue_add(struct queue *queue, struct link *link, uint32_t uid)
{
	list_append(added(queue, uid), link);
}

void queue_add_first(struct queue *queue, struct link *link, uint32_t uid)
{
	list_prepend(added(queue, uid), link);
}

void queue_remove(struct queue *queue, struct link *link, uint32_t uid)
{
	const unsigned i = uid % QUEUE_SHARES;

	list_remove(link);
	queue->n--;
	if (list_empty(&queue->shares[i]))
		queue->waiting &= ~(UINT64_C(1) << i);
}

struct link *queue_take(struct queue *queue)
{
	const uint64_t from_next = queue->waiting & UINT64_MAX << queue->next;
	const uint64_t candidates = from_next ? from_next : queue->waiting;
	struct link *link;
	unsigned i;

	if (candidates == 0)
		return NULL;
	i = (unsigned)__builtin_ctzll(candidates);
	link = queue->shares[i].next;
	queue_remove(queue, link, i);
	queue->next = (i + 1) % QUEUE_SHARES;
	return link;
}
