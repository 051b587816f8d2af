/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/host/receipt_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "base/wipe.h"
#include "daemon/shared/receipt.h"

static int fill(int fd, struct arena *arena)
{
	uint8_t *key = arena_alloc(arena, RECEIPT_KEY_LEN);

	if (key == NULL || getrandom(key, RECEIPT_KEY_LEN, 0) != RECEIPT_KEY_LEN ||
		pwrite(fd, key, RECEIPT_KEY_LEN, 0) != RECEIPT_KEY_LEN)
		return log_origin(-EIO);
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0 ? log_origin(-errno)
												    : 0;
}

int receipt_key_make(void)
{
	struct arena arena = {0};
	const int fd = memfd_create("receipts", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return log_origin(-errno);
	r = arena_init(&arena, RECEIPT_KEY_LEN);
	if (r == 0)
		r = fill(fd, &arena);
	arena_deinit(&arena);
	if (r == 0)
		return fd;
	(void)close(fd);
	return r;
}
