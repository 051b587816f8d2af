/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks for the tests, compiled in only with the meson option test_hooks: a page shared by the tests and all processes
 * of one cekd (cekd --test-page FILE; the descriptor travels with Setup). It shifts the clock, stops a process at a
 * named step, so that a test can kill it exactly there, and plants faults.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef CEK_TEST_HOOKS

struct testhook_page {
	int64_t clock_offset_us; /* so much time has passed */
	char armed[64];          /* name of the step at which to stop; empty = none */
	uint32_t hit_pid; /* set by the process that stopped there, which then waits to be killed or for armed to change
			   */
	int64_t clock_set_us; /* and real time was set ahead by so much */
};

/* Map the page from fd, which stays open. 0 or -errno. */
int testhook_map(int fd);

/* If step is armed: say so in hit_pid and wait. */
void testhook_step(const char *step);

/* Is this fault armed? For faults that a test plants to see that it finds them; never true in a build without hooks. */
bool testhook_armed(const char *fault);

#else

static inline bool testhook_armed(const char *fault)
{
	(void)fault;
	return false;
}

static inline void testhook_step(const char *step)
{
	(void)step;
}

#endif
