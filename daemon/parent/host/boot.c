/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/host/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static const char path[] = "/proc/sys/kernel/random/boot_id";

/* A service manager may say it, and hide that file (ProcSubset=pid). */
static bool told(char ret_boot[BOOT_MAX])
{
	const char *boot = getenv("CEKD_BOOT");

	if (boot != NULL)
		(void)snprintf(ret_boot, BOOT_MAX, "%s", boot);
	return boot != NULL;
}

void boot_read(char ret_boot[BOOT_MAX])
{
	ssize_t len = -1;
	int fd;

	if (told(ret_boot))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		len = read(fd, ret_boot, BOOT_MAX - 1);
	if (len < 0)
		log_warning("%s: %s: after a restart of cekd waiting periods are judged by the real time alone", path,
			strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	ret_boot[len > 0 ? len : 0] = '\0';
	ret_boot[strcspn(ret_boot, "\n")] = '\0';
}
