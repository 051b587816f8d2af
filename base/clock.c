/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

static uint64_t now_ns(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now); /* cannot fail for these two clocks */
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#ifdef CEK_TEST_HOOKS
static const volatile int64_t *shift;

void clock_shift_by(const volatile int64_t *us)
{
	shift = us;
}

static uint64_t shifted(uint64_t now)
{
	return shift ? now + (uint64_t)*shift : now;
}
#else
static uint64_t shifted(uint64_t now)
{
	return now;
}
#endif

uint64_t clock_real_us(void)
{
	return shifted(now_ns(CLOCK_REALTIME) / 1000);
}

uint64_t clock_monotonic_ns(void)
{
	return now_ns(CLOCK_MONOTONIC);
}

uint64_t clock_monotonic_us(void)
{
	return clock_monotonic_ns() / 1000;
}
