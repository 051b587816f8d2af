/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/token/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/wipe.h"

int pin_make(char *pin)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t random[PIN_LEN / 2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	for (size_t i = 0; i < sizeof(random); i++) {
		pin[2 * i] = digits[random[i] >> 4];
		pin[2 * i + 1] = digits[random[i] & 15];
	}
	pin[PIN_LEN] = '\0';
	wipe(random, sizeof(random));
	return 0;
}

int pin_store(const char *path, const char *pin)
{
	struct iovec parts[2] = {{(void *)(uintptr_t)pin, strlen(pin)}, {(void *)(uintptr_t) "\n", 1}};
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0400) < 0)
		r = -errno;
	else if (writev(fd, parts, 2) != (ssize_t)(parts[0].iov_len + 1))
		r = -EIO;
	else if (fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		unlink(path);
	return r;
}
