/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/host/socket_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

int socket_file_open(int folder, const char *name, int *ret_file)
{
	const int file = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r = 0;

	if (file < 0)
		return errno == ENOENT ? -ESTALE : -errno;
	if (fstat(file, &st) < 0)
		r = -errno;
	else if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1)
		r = -ESTALE;
	if (r < 0) {
		(void)close(file);
		return r;
	}
	*ret_file = file;
	return 0;
}

/* Of a file that is open with O_PATH, which fchmod() refuses. */
static int set_mode(int file, mode_t mode)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return chmod(path, mode) < 0 ? -errno : 0;
}

static int give(int file, uid_t owner, gid_t group)
{
	return fchownat(file, "", owner, group, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* Without CAP_CHOWN, as under cekd.service, a file can only be given to a group that its owner is in. With CAP_SETGID,
 * by which the children get groups of their own, that is any. */
static int give_as_member(int file, uid_t owner, gid_t group)
{
	const int before = setfsgid(group);
	const int r = give(file, owner, group);

	(void)setfsgid((gid_t)before);
	return r;
}

int socket_file_set_access(int file, mode_t mode, uid_t owner, gid_t group)
{
	int r = 0;

	if (owner != (uid_t)-1 || group != (gid_t)-1)
		r = give(file, owner, group);
	if (r == -EPERM && group != (gid_t)-1)
		r = give_as_member(file, owner, group);
	return r < 0 ? r : set_mode(file, mode);
}

bool socket_file_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

void socket_file_remove(int folder, const char *name, int file)
{
	struct stat ours, st;

	if (fstat(file, &ours) == 0 && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		socket_file_same(&ours, &st))
		(void)unlinkat(folder, name, 0);
}
