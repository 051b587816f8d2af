/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/host/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	LINKS_MAX = 40, /* as the kernel has it */
};

struct walk {
	int fd;               /* of where */
	struct stat st;       /* of fd */
	char where[PATH_MAX]; /* without links */
	char rest[PATH_MAX];  /* what is still to be walked */
	unsigned links;
	char *why;
};

static const char *shown(const struct walk *walk)
{
	return walk->where[0] != '\0' ? walk->where : "/";
}

static int fail_errno(struct walk *walk, const char *name, int error)
{
	(void)snprintf(walk->why, PATHS_WHY_MAX, "%s/%s: %s", walk->where, name, strerror(error));
	return -error;
}

static int fail_here(struct walk *walk, int error)
{
	(void)snprintf(walk->why, PATHS_WHY_MAX, "%s: %s", shown(walk), strerror(error));
	return -error;
}

/* How the kernel shows a user whom the namespace does not map; where all are mapped, the account nobody. */
enum { UID_UNMAPPED = 65534 };

static bool trusted(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

static bool writable_for_others(const struct stat *st)
{
	return (st->st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

static int check(struct walk *walk, enum paths_kind kind)
{
	const char *who = walk->st.st_mode & S_IWOTH ? "everybody" : "its group";

	if (walk->st.st_uid == UID_UNMAPPED && !trusted(UID_UNMAPPED)) {
		(void)snprintf(walk->why, PATHS_WHY_MAX,
			"%s belongs to uid %d, which is nobody or any user that this user namespace does not map, and "
			"who can "
			"replace what is in it: map its owner, or choose another",
			shown(walk), UID_UNMAPPED);
		return -EPERM;
	}
	if (!trusted(walk->st.st_uid)) {
		(void)snprintf(walk->why, PATHS_WHY_MAX,
			"%s belongs to uid %u, who can replace what is in it: chown it to %s", shown(walk),
			(unsigned)walk->st.st_uid, geteuid() == 0 ? "root" : "root or the user that starts cekd");
		return -EPERM;
	}
	if (!writable_for_others(&walk->st) || (kind == PATHS_PARENT && walk->st.st_mode & S_ISVTX))
		return 0;
	(void)snprintf(walk->why, PATHS_WHY_MAX,
		"%s has mode %04o, %s can write in it%s: chmod go-w it, or choose another", shown(walk),
		(unsigned)walk->st.st_mode & 07777, who,
		walk->st.st_mode & S_ISVTX ? " (the sticky bit does not keep names free)" : "");
	return -EPERM;
}

/* fd becomes the walk's. */
static int enter(struct walk *walk, int fd)
{
	if (walk->fd >= 0)
		(void)close(walk->fd);
	walk->fd = fd;
	return fstat(fd, &walk->st) < 0 ? fail_here(walk, errno) : check(walk, PATHS_PARENT);
}

static int enter_root(struct walk *walk)
{
	const int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	walk->where[0] = '\0';
	return fd < 0 ? fail_errno(walk, "", errno) : enter(walk, fd);
}

/* The name goes, up to the next one. */
static void take_name(struct walk *walk, char name[NAME_MAX + 1], size_t len)
{
	memcpy(name, walk->rest, len);
	name[len] = '\0';
	len += strspn(walk->rest + len, "/");
	/* The two overlap. valgrind takes a checked memmove() for a memcpy(). */
	for (size_t i = 0; i == 0 || walk->rest[i - 1] != '\0'; i++)
		walk->rest[i] = walk->rest[i + len];
}

static int append(struct walk *walk, const char *name)
{
	const size_t len = strlen(walk->where);

	if (strcmp(name, "..") == 0) {
		char *slash = strrchr(walk->where, '/');

		if (slash != NULL)
			*slash = '\0';
		return 0;
	}
	return snprintf(walk->where + len, PATH_MAX - len, "/%s", name) < (int)(PATH_MAX - len) ? 0 : -ENAMETOOLONG;
}

/* What is no folder: its target comes before the rest of the path, if it is a link that nobody else can have made. */
static int follow(struct walk *walk, const char *name)
{
	char target[PATH_MAX], rest[PATH_MAX];
	struct stat st;
	ssize_t len;

	if (fstatat(walk->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(walk, name, errno);
	if (!S_ISLNK(st.st_mode))
		return fail_errno(walk, name, ENOTDIR);
	if (!trusted(st.st_uid) || writable_for_others(&walk->st)) {
		(void)snprintf(walk->why, PATHS_WHY_MAX,
			"%s/%s is a symbolic link that another user can have made: name the folder that is meant",
			walk->where, name);
		return -EPERM;
	}
	len = readlinkat(walk->fd, name, target, sizeof(target) - 1);
	if (len < 0)
		return fail_errno(walk, name, errno);
	target[len] = '\0';
	if (++walk->links > LINKS_MAX)
		return fail_errno(walk, name, ELOOP);
	if (snprintf(rest, sizeof(rest), "%s/%s", target + strspn(target, "/"), walk->rest) >= (int)sizeof(rest))
		return fail_errno(walk, name, ENAMETOOLONG);
	memcpy(walk->rest, rest, sizeof(rest));
	return *target == '/' ? enter_root(walk) : 0;
}

static int step(struct walk *walk)
{
	const size_t len = strcspn(walk->rest, "/");
	char name[NAME_MAX + 1];
	int fd;

	if (len > NAME_MAX)
		return fail_errno(walk, walk->rest, ENAMETOOLONG);
	take_name(walk, name, len);
	if (len == 0 || strcmp(name, ".") == 0)
		return 0;
	fd = openat(walk->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP ? follow(walk, name) : fail_errno(walk, name, errno);
	if (append(walk, name) < 0) {
		(void)close(fd);
		return fail_errno(walk, name, ENAMETOOLONG);
	}
	return enter(walk, fd);
}

/* path: not NUL-terminated. */
static int open_len(const char *path, size_t len, enum paths_kind kind, int *ret_fd, char *ret_why)
{
	struct walk walk = {.fd = -1, .why = ret_why};
	int r;

	if (len >= sizeof(walk.rest))
		return fail_errno(&walk, "…", ENAMETOOLONG);
	memcpy(walk.rest, path, len);
	r = enter_root(&walk);
	while (r == 0 && walk.rest[0] != '\0')
		r = step(&walk);
	if (r == 0)
		r = check(&walk, kind);
	if (r < 0) {
		if (walk.fd >= 0)
			(void)close(walk.fd);
		return r;
	}
	*ret_fd = walk.fd;
	return 0;
}

int paths_open(const char *path, enum paths_kind kind, int *ret_fd, char *ret_why)
{
	return open_len(path, strlen(path), kind, ret_fd, ret_why);
}

/* Where the last name begins. Behind that of a folder slashes may stand. */
static size_t name_at(const char *path, enum paths_kind kind)
{
	size_t at = strlen(path);

	while (kind == PATHS_PARENT && at > 0 && path[at - 1] == '/')
		at--;
	while (at > 0 && path[at - 1] != '/')
		at--;
	return at;
}

int paths_open_parent(const char *path, enum paths_kind kind, int *ret_fd, const char **ret_name, char *ret_why)
{
	const size_t at = name_at(path, kind), len = strcspn(path + at, "/");

	if (len == 0 || (len <= 2 && strncmp(path + at, "..", len) == 0)) {
		(void)snprintf(ret_why, PATHS_WHY_MAX, "%s",
			len > 0                     ? "it ends with no name, but with a dot"
				: kind == PATHS_OWN ? "remove the / at its end"
						    : "it has no name");
		return -EINVAL;
	}
	*ret_name = path + at;
	return open_len(path, at, kind, ret_fd, ret_why);
}

/* Of a path that is not absolute. */
static int make_absolute(const char *path, char ret_path[PATH_MAX])
{
	size_t len = 0;

	if (path[0] != '/') {
		if (getcwd(ret_path, PATH_MAX) == NULL)
			return -errno;
		len = strlen(ret_path);
	}
	return snprintf(ret_path + len, PATH_MAX - len, "%s%s", len > 0 ? "/" : "", path) < (int)(PATH_MAX - len)
		? 0
		: -ENAMETOOLONG;
}

/* path becomes what the link under its last name leads to. Who can make one in that folder is trusted, but not with a
 * link of somebody else. */
static int follow_last(int folder, const char *name, const struct stat *st, char path[PATH_MAX], char *ret_why)
{
	char target[PATH_MAX];
	const ssize_t len = readlinkat(folder, name, target, sizeof(target) - 1);
	const size_t at = (size_t)(name - path);

	if (len < 0)
		return -errno;
	target[len] = '\0';
	if (!trusted(st->st_uid)) {
		(void)snprintf(ret_why, PATHS_WHY_MAX, "%s is a symbolic link of uid %u: name the file that is meant",
			path, (unsigned)st->st_uid);
		return -EPERM;
	}
	if (target[0] == '/') {
		memcpy(path, target, (size_t)len + 1);
		return 0;
	}
	return snprintf(path + at, PATH_MAX - at, "%s", target) < (int)(PATH_MAX - at) ? 0 : -ENAMETOOLONG;
}

/* 1: it was a link, and path is another one now. */
static int open_file_once(char path[PATH_MAX], int flags, int *ret_fd, char *ret_why)
{
	const char *name;
	struct stat st;
	int folder, r = paths_open_parent(path, PATHS_OWN, &folder, &name, ret_why);

	if (r < 0)
		return r;
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		r = -errno;
	} else if (S_ISLNK(st.st_mode)) {
		r = follow_last(folder, name, &st, path, ret_why);
		r = r < 0 ? r : 1;
	} else if (S_ISREG(st.st_mode)) {
		*ret_fd = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC);
		r = *ret_fd < 0 ? -errno : 0;
	} else {
		(void)snprintf(ret_why, PATHS_WHY_MAX, "%s is no plain file", path);
		r = -EINVAL;
	}
	if (r < 0 && r != -EPERM && r != -EINVAL)
		(void)snprintf(ret_why, PATHS_WHY_MAX, "%s: %s", path, strerror(-r));
	(void)close(folder);
	return r;
}

int paths_open_file(const char *path, int flags, int *ret_fd, char *ret_why)
{
	char at[PATH_MAX];
	int r = make_absolute(path, at);

	if (r < 0)
		(void)snprintf(ret_why, PATHS_WHY_MAX, "%s: %s", path, strerror(-r));
	else
		r = 1;
	for (unsigned links = 0; r == 1; links++) {
		if (links > LINKS_MAX) {
			(void)snprintf(ret_why, PATHS_WHY_MAX, "%s: %s", path, strerror(ELOOP));
			return -ELOOP;
		}
		r = open_file_once(at, flags, ret_fd, ret_why);
	}
	return r;
}

bool paths_may_change(int r)
{
	return r == -ENOENT || r == -EACCES;
}

int paths_outcome(int r)
{
	if (!paths_may_change(r))
		return r;
	return r == -ENOENT ? PATHS_ABSENT : PATHS_HIDDEN;
}
