#include "daemon/clock.h"

#include <time.h>

#include "daemon/testhook.h"

static uint64_t now_us(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now); /* cannot fail for these two clocks */
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_real_us(void)
{
	const uint64_t now = now_us(CLOCK_REALTIME);

#ifdef CEK_TEST_HOOKS
	return now + (uint64_t)testhook_clock_offset_us();
#else
	return now;
#endif
}

uint64_t clock_monotonic_us(void)
{
	return now_us(CLOCK_MONOTONIC);
}
