/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doubly linked lists whose links live inside their elements: adding and removing costs no allocation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct link {
	struct link *next, *prev;
};

/* The struct that holds this link as its member. */
#define list_entry(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct link *list)
{
	list->next = list->prev = list;
}

static inline bool list_empty(const struct link *list)
{
	return list->next == list;
}

static inline void list_append(struct link *list, struct link *link)
{
	link->prev = list->prev;
	link->next = list;
	list->prev->next = link;
	list->prev = link;
}

static inline void list_prepend(struct link *list, struct link *link)
{
	list_append(list->next, link);
}

/* The link is a list of its own afterwards, so that removing it twice does no harm. */
static inline void list_remove(struct link *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

/* Take the first link off the list; NULL if there is none. */
static inline struct link *list_take(struct link *list)
{
	struct link *link = list->next;

	if (link == list)
		return NULL;
	list_remove(link);
	return link;
}

/* Move all links of from to the end of list. */
static inline void list_move(struct link *list, struct link *from)
{
	if (list_empty(from))
		return;
	from->next->prev = list->prev;
	list->prev->next = from->next;
	from->prev->next = list;
	list->prev = from->prev;
	list_init(from);
}
