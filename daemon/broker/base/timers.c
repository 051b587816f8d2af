/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/base/timers.h"

void timers_init(struct timers *timers, uint64_t now_us)
{
	for (size_t i = 0; i < TIMERS_SLOTS; i++)
		list_init(&timers->slots[i]);
	timers->tick = now_us / TIMERS_TICK_US;
	timers->count = 0;
}

void timer_set(struct timers *timers, struct timer *timer, uint64_t due_us, void (*fire)(struct timer *timer))
{
	uint64_t tick = due_us / TIMERS_TICK_US;

	timer_clear(timers, timer);
	if (tick <= timers->tick)
		tick = timers->tick + 1;
	timer->due_us = due_us;
	timer->fire = fire;
	list_append(&timers->slots[tick % TIMERS_SLOTS], &timer->link);
	timers->count++;
}

void timer_clear(struct timers *timers, struct timer *timer)
{
	if (!timer->fire)
		return;
	list_remove(&timer->link);
	timer->fire = NULL;
	timers->count--;
}

static void slot_turn(struct timers *timers, struct link *slot, uint64_t now_us)
{
	struct link passed, *link;

	list_init(&passed);
	list_move(&passed, slot);
	while ((link = list_take(&passed))) {
		struct timer *timer = list_entry(link, struct timer, link);
		void (*fire)(struct timer *) = timer->fire;

		if (timer->due_us > now_us) { /* a later round of the wheel */
			list_append(slot, link);
			continue;
		}
		timer->fire = NULL;
		timers->count--;
		fire(timer);
	}
}

void timers_turn(struct timers *timers, uint64_t now_us)
{
	uint64_t end = now_us / TIMERS_TICK_US; /* this tick has not passed yet */

	if (end > timers->tick + TIMERS_SLOTS + 1)
		timers->tick = end - TIMERS_SLOTS - 1;
	while (timers->tick + 1 < end) {
		timers->tick++;
		slot_turn(timers, &timers->slots[timers->tick % TIMERS_SLOTS], now_us);
	}
}
