/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

static uint64_t now_ns(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now); /* cannot fail for these clocks */
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#ifdef CEK_TEST_HOOKS
/* A test may go back further than the machine is up. */
#define UP_BEFORE_US (UINT64_C(100 * 365 * 86400) * 1000000)

static const volatile int64_t *passed, *set;

void clock_shift_by(const volatile int64_t *passed_us, const volatile int64_t *set_us)
{
	passed = passed_us;
	set = set_us;
}

static uint64_t shifted_real(uint64_t now)
{
	return passed ? now + (uint64_t)*passed + (uint64_t)*set : now;
}

static uint64_t shifted_boot(uint64_t now)
{
	return passed ? now + UP_BEFORE_US + (uint64_t)*passed : now;
}
#else
static uint64_t shifted_real(uint64_t now)
{
	return now;
}

static uint64_t shifted_boot(uint64_t now)
{
	return now;
}
#endif

uint64_t clock_real_us(void)
{
	return shifted_real(now_ns(CLOCK_REALTIME) / 1000);
}

uint64_t clock_boot_us(void)
{
	return shifted_boot(now_ns(CLOCK_BOOTTIME) / 1000);
}

uint64_t clock_monotonic_ns(void)
{
	return now_ns(CLOCK_MONOTONIC);
}

uint64_t clock_monotonic_us(void)
{
	return clock_monotonic_ns() / 1000;
}
