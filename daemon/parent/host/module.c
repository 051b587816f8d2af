/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/host/module.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/parent/host/paths.h"

static int check_file(const char *path, const struct stat *st)
{
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		log_error("module %s: belongs to uid %u, who can put other code there: chown it to root", path,
			(unsigned)st->st_uid);
		return -EPERM;
	}
	if (st->st_mode & (S_IWGRP | S_IWOTH)) {
		log_error("module %s: others can put other code there (mode %04o): chmod go-w it", path,
			(unsigned)st->st_mode & 07777);
		return -EPERM;
	}
	return PATHS_SEEN;
}

int module_check(const char *path)
{
	char why[PATHS_WHY_MAX];
	struct stat st;
	int fd, r = paths_open_file(path, O_PATH, &fd, why);

	if (paths_may_change(r)) {
		log_warning("module %s: %s", path, why);
		return paths_outcome(r);
	}
	if (r < 0) {
		log_error("module %s: %s", path, why);
		return r;
	}
	r = fstat(fd, &st) < 0 ? -errno : check_file(path, &st);
	(void)close(fd);
	return r;
}
