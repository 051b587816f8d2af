/* timers.h: most calls have the same limit, so that a new one usually stays where it is put, at the end. */
#include "client/timers.h"

#include <errno.h>
#include <stdlib.h>

#include "client/conn.h"

enum { TIMERS_MIN = 16 };

static void timers_put(struct timers *timers, size_t i, cek_call *call)
{
	timers->heap[i] = call;
	call->timer = i + 1;
}

static void sift_up(struct timers *timers, size_t i, cek_call *call)
{
	while (i > 0 && timers->heap[(i - 1) / 2]->deadline > call->deadline) {
		timers_put(timers, i, timers->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	timers_put(timers, i, call);
}

static void sift_down(struct timers *timers, size_t i, cek_call *call)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < timers->len && timers->heap[child + 1]->deadline < timers->heap[child]->deadline)
			child++;
		if (child >= timers->len || timers->heap[child]->deadline >= call->deadline)
			break;
		timers_put(timers, i, timers->heap[child]);
		i = child;
	}
	timers_put(timers, i, call);
}

int timers_add(struct timers *timers, cek_call *call)
{
	if (timers->len == timers->size) {
		size_t size = timers->size ? timers->size * 2 : TIMERS_MIN;
		cek_call **heap = reallocarray(timers->heap, size, sizeof(*heap));

		if (!heap)
			return -ENOMEM;
		timers->heap = heap;
		timers->size = size;
	}
	sift_up(timers, timers->len++, call);
	return 0;
}

void timers_remove(struct timers *timers, cek_call *call)
{
	size_t i = call->timer;
	cek_call *last;

	if (i == 0)
		return;
	call->timer = 0;
	last = timers->heap[--timers->len];
	if (last == call)
		return;
	i--;
	if (i > 0 && timers->heap[(i - 1) / 2]->deadline > last->deadline)
		sift_up(timers, i, last);
	else
		sift_down(timers, i, last);
}

cek_call *timers_first(const struct timers *timers)
{
	return timers->len > 0 ? timers->heap[0] : NULL;
}

void timers_deinit(struct timers *timers)
{
	free(timers->heap);
	*timers = (struct timers){ 0 };
}
