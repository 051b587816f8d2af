/*
 * The calls of one connection that have a time limit, the earliest first: a binary heap of pointers.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/cek.h"

struct timers {
	cek_call **heap;
	size_t len;
	size_t size;
};

/* Add or take out a call by its deadline. 0 or -ENOMEM. Taking out one that is not in does nothing. */
int timers_add(struct timers *timers, cek_call *call);
void timers_remove(struct timers *timers, cek_call *call);

/* The call whose deadline comes first, or NULL. */
cek_call *timers_first(const struct timers *timers);

void timers_deinit(struct timers *timers);
