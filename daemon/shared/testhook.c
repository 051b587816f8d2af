/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/shared/testhook.h"

#ifdef CEK_TEST_HOOKS

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	LOOK_NS = 2000000, /* how often a stopped process looks at the page */
};

static volatile struct testhook_page *page;

int testhook_map(int fd)
{
	void *map = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	page = map;
	clock_shift_by(&page->clock_offset_us, &page->clock_set_us);
	return 0;
}

/* Another process writes the page meanwhile, hence byte by byte. */
static bool armed_for(const char *step)
{
	for (size_t i = 0; i < sizeof(page->armed); i++) {
		if (page->armed[i] != step[i])
			return false;
		if (step[i] == '\0')
			return true;
	}
	return false;
}

bool testhook_armed(const char *fault)
{
	return page != NULL && armed_for(fault);
}

void testhook_step(const char *step)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	const pid_t parent = getppid();

	if (page == NULL || *step == '\0' || !armed_for(step))
		return;
	page->hit_pid = (uint32_t)getpid();
	/* A worker whose cekd was killed in the meantime goes on by itself, since nobody waits for it any more. */
	while (armed_for(step) && getppid() == parent)
		(void)nanosleep(&pause, NULL);
}

#else

/* ISO C wants something in every file. */
extern const int testhook_is_not_here;
const int testhook_is_not_here = 1;

#endif
