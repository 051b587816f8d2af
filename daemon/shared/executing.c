/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/shared/executing.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

int executing_create(void)
{
	const int fd = memfd_create("cekd-executing", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r = 0;

	if (fd < 0)
		return -errno;
	/* Nobody can cut it under the other's feet. */
	if (ftruncate(fd, sizeof(struct executing)) < 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		r = -errno;
	if (r < 0)
		(void)close(fd);
	return r < 0 ? r : fd;
}

static void *map(int fd, int protection)
{
	void *page = mmap(NULL, sizeof(struct executing), protection, MAP_SHARED, fd, 0);

	return page == MAP_FAILED ? NULL : page;
}

struct executing *executing_map(int fd)
{
	return map(fd, PROT_READ | PROT_WRITE);
}

const struct executing *executing_map_read_only(int fd)
{
	return map(fd, PROT_READ);
}

void executing_unmap(const struct executing *page)
{
	if (page != NULL)
		(void)munmap((void *)(uintptr_t)page, sizeof(*page));
}
