/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/family.h"

#include <errno.h>
#include <event2/event.h>
#include <stddef.h>
#include <sys/time.h>

enum {
	N_SINGLE = 3,
	N_OF_SLOT = 2,
};

static void on_timer(int fd, short what, void *data)
{
	struct family *family = data;

	(void)fd;
	(void)what;
	family->changed(family->owner);
}

int family_init(struct family *family, struct event_base *base, unsigned n_slots, void (*changed)(void *owner),
	void *owner)
{
	*family = (struct family){.base = base, .changed = changed, .owner = owner, .n_slots = n_slots};
	child_init(&family->journal, CHILD_JOURNAL, false, 0);
	child_init(&family->broker, CHILD_BROKER, false, 0);
	child_init(&family->manage, CHILD_WORKER, true, 0);
	for (unsigned i = 0; i < n_slots; i++)
		for (size_t j = 0; j < N_OF_SLOT; j++)
			child_init(&family->slots[i].child[j], CHILD_WORKER, false, i);
	family->timer = evtimer_new(base, on_timer, family);
	return family->timer ? 0 : -ENOMEM;
}

void family_deinit(struct family *family)
{
	if (family->timer)
		event_free(family->timer);
	family->timer = NULL;
}

static size_t count(const struct family *family)
{
	return N_SINGLE + N_OF_SLOT * (size_t)family->n_slots;
}

static struct child *child_at(struct family *family, size_t i)
{
	struct child *const single[N_SINGLE] = {&family->journal, &family->broker, &family->manage};

	return i < N_SINGLE ? single[i] : &family->slots[(i - N_SINGLE) / N_OF_SLOT].child[(i - N_SINGLE) % N_OF_SLOT];
}

void family_each(struct family *family, void (*f)(struct family *, struct child *, void *), void *data)
{
	for (size_t i = 0; i < count(family); i++)
		if (child_at(family, i)->pid != 0)
			f(family, child_at(family, i), data);
}

struct child *family_find(struct family *family, pid_t pid)
{
	for (size_t i = 0; i < count(family); i++)
		if (child_at(family, i)->pid == pid)
			return child_at(family, i);
	return NULL;
}

void family_wake(struct family *family, uint64_t when_us, uint64_t now_us)
{
	const uint64_t wait = when_us > now_us ? when_us - now_us : 0;
	const struct timeval interval = {.tv_sec = (time_t)(wait / 1000000), .tv_usec = (suseconds_t)(wait % 1000000)};
	struct timeval pending, now, next;

	if (evtimer_pending(family->timer, &pending)) {
		(void)event_base_gettimeofday_cached(family->base, &now);
		evutil_timeradd(&now, &interval, &next);
		if (evutil_timercmp(&pending, &next, <=))
			return;
	}
	(void)evtimer_add(family->timer, &interval);
}
