/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/host/state_look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/parent/host/paths.h"

/* The process that locked the file with this inode number, as /proc/locks has it ("1: FLOCK ADVISORY WRITE 812 fd:01:77
 * 0 EOF"); 0: not told. Device numbers of some file systems stand there otherwise than in stat(2), and are not
 * compared. */
static pid_t holder_of(ino_t ino)
{
	FILE *locks = fopen("/proc/locks", "re");
	char line[256];
	pid_t holder = 0;

	while (locks != NULL && holder == 0 && fgets(line, sizeof(line), locks) != NULL) {
		unsigned long long number;
		int pid;

		if (sscanf(line, "%*d: FLOCK %*s WRITE %d %*x:%*x:%llu", &pid, &number) == 2 && number == ino &&
			pid > 0)
			holder = pid;
	}
	if (locks != NULL)
		(void)fclose(locks);
	return holder;
}

/* The lock is only tried, and given back at once: a cekd that starts just now tries for a second. */
static bool is_locked(int fd)
{
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return errno == EWOULDBLOCK;
	(void)flock(fd, LOCK_UN);
	return false;
}

static void look_at_locks(struct state_found *found)
{
	struct stat st;
	int lock;

	found->used = is_locked(found->directory);
	if (found->used && fstat(found->directory, &st) == 0)
		found->holder = holder_of(st.st_ino);
	if (found->used)
		return;
	lock = openat(found->directory, "lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (lock < 0)
		return;
	found->lagging = is_locked(lock);
	if (found->lagging && fstat(lock, &st) == 0)
		found->holder = holder_of(st.st_ino);
	(void)close(lock);
}

/* The highest folder above it on the same device. */
static void find_mount(const char *path, dev_t device, char ret_mount[PATH_MAX])
{
	char at[PATH_MAX];
	struct stat st;

	ret_mount[0] = '\0';
	if (realpath(path, at) == NULL)
		return;
	for (;;) {
		char *slash = strrchr(at, '/');

		memcpy(ret_mount, at, sizeof(at));
		if (slash == NULL || at[1] == '\0')
			return;
		slash[slash == at ? 1 : 0] = '\0';
		if (stat(at, &st) < 0 || st.st_dev != device)
			return;
	}
}

int state_look(const char *path, struct state_found *ret_found)
{
	struct state_found found = {.directory = -1};
	char why[PATHS_WHY_MAX];
	struct statvfs fs;
	struct stat st;
	int folder, r = paths_open(path, PATHS_OWN, &folder, why);

	if (r < 0)
		return r;
	found.directory = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)close(folder);
	if (found.directory < 0)
		return -errno;
	if (fstat(found.directory, &st) < 0 || fstatvfs(found.directory, &fs) < 0) {
		r = -errno;
		(void)close(found.directory);
		return r;
	}
	found.uid = st.st_uid;
	found.mode = st.st_mode & 07777;
	found.free = (uint64_t)fs.f_bavail * fs.f_frsize;
	found.read_only = (fs.f_flag & ST_RDONLY) != 0;
	find_mount(path, st.st_dev, found.mount);
	look_at_locks(&found);
	*ret_found = found;
	return 0;
}

void state_look_end(struct state_found *found)
{
	if (found->directory >= 0)
		(void)close(found->directory);
	found->directory = -1;
}

int state_look_at(const struct state_found *found, const char *name, int *ret_fd)
{
	const int fd = openat(found->directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}
