/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/jwks/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/cekctl/console/io.h"

enum {
	MODE = 0644,
	LEFT_SECONDS = 3600, /* nobody takes so long to write a JWK Set */
};

#define RANDOM "XXXXXX" /* as mkostemp(3) wants it */

static bool fail(char fault[FILE_FAULT], const char *path, const char *what)
{
	snprintf(fault, FILE_FAULT, "%.256s: %s", path, what);
	return false;
}

/* What is there now: *ret_mode, and whether it holds this text. */
static bool look(const char *path, const char *text, mode_t *ret_mode, bool *ret_same, char fault[FILE_FAULT])
{
	const size_t len = strlen(text);
	struct stat st;
	char *old;
	int fd;

	*ret_mode = MODE;
	*ret_same = false;
	if (lstat(path, &st) < 0)
		return errno == ENOENT || fail(fault, path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(fault, path,
			S_ISLNK(st.st_mode) ? "a symbolic link: name the file that it points to"
					    : "not a regular file");
	*ret_mode = st.st_mode & 07777;
	if ((size_t)st.st_size != len)
		return true;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	old = malloc(len + 1);
	/* one that cannot be read is one that differs */
	*ret_same = fd >= 0 && old && io_read_all(fd, old, len + 1) == (ssize_t)len && memcmp(old, text, len) == 0;
	free(old);
	if (fd >= 0)
		close(fd);
	return true;
}

static bool fill(int fd, const char *text, mode_t mode)
{
	int r = io_write_all(fd, text, strlen(text));

	if (r < 0)
		errno = -r;
	return r == 0 && fchmod(fd, mode) == 0 && fsync(fd) == 0;
}

/* Whether name is one that put() makes for base. */
static bool is_ours(const char *name, const char *base)
{
	const size_t len = strlen(base);

	return name[0] == '.' && strncmp(name + 1, base, len) == 0 && name[len + 1] == '.' &&
		strlen(name + len + 2) == strlen(RANDOM);
}

/* What a put() has left that was killed. Another one may be about to rename its own: that is young. */
static void sweep(int folder_fd, const char *base)
{
	const int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	const time_t old = time(NULL) - LEFT_SECONDS;
	struct dirent *entry;
	struct stat st;

	if (!folder && fd >= 0)
		close(fd);
	while (folder && (entry = readdir(folder)))
		if (is_ours(entry->d_name, base) && fstatat(folder_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_mtime < old)
			(void)unlinkat(folder_fd, entry->d_name, 0);
	if (folder)
		closedir(folder);
}

/* Under another name of the folder first; errno tells, if it could not be. */
static bool put(const char *path, char *name, const char *text, mode_t mode)
{
	int fd = mkostemp(name, O_CLOEXEC), error;
	bool ok;

	if (fd < 0)
		return false;
	ok = fill(fd, text, mode) && rename(name, path) == 0;
	error = errno;
	close(fd);
	if (!ok)
		unlink(name);
	errno = error;
	return ok;
}

/* The folder is opened first: without its fsync a crash could bring the old name back, or none. */
static bool replace(const char *path, const char *folder, const char *text, mode_t mode, char fault[FILE_FAULT])
{
	char name[PATH_MAX];
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	int folder_fd, n = snprintf(name, sizeof(name), "%s/.%s." RANDOM, folder, base);
	bool ok;

	if (n < 0 || (size_t)n >= sizeof(name))
		return fail(fault, path, strerror(ENAMETOOLONG));
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder_fd < 0)
		return fail(fault, folder, strerror(errno));
	sweep(folder_fd, base);
	ok = put(path, name, text, mode) || fail(fault, path, strerror(errno));
	ok = ok && (fsync(folder_fd) == 0 || fail(fault, folder, strerror(errno)));
	close(folder_fd);
	return ok;
}

bool file_put(const char *path, const char *text, bool *ret_changed, char fault[FILE_FAULT])
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	mode_t mode;
	bool same;

	if (!*path || (slash && !slash[1]) || strlen(path) >= sizeof(folder))
		return fail(fault, *path ? path : "\"\"", "not the name of a file");
	if (!look(path, text, &mode, &same, fault))
		return false;
	*ret_changed = !same;
	if (same)
		return true;
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	return replace(path, *folder ? folder : "/", text, mode, fault);
}
