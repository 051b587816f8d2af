/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/shared/sandbox_landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Debian 12 has the headers of ABI 2; what came later is spelled out here. */
enum {
	ABI_TRUNCATE = 3,
	ABI_NET = 4,
	ABI_IOCTL = 5,
	ABI_SCOPE = 6,
};

#define FS_TRUNCATE (1ULL << 14)
#define FS_IOCTL_DEV (1ULL << 15)
#define NET_BIND_TCP (1ULL << 0)
#define NET_CONNECT_TCP (1ULL << 1)
#define SCOPE_ABSTRACT_UNIX (1ULL << 0)
#define SCOPE_SIGNAL (1ULL << 1)

struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

static uint64_t handled_fs(int abi)
{
	uint64_t fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* all of ABI 1 */

	if (abi >= 2)
		fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= ABI_TRUNCATE)
		fs |= FS_TRUNCATE;
	if (abi >= ABI_IOCTL)
		fs |= FS_IOCTL_DEV;
	return fs;
}

/* The kernel refuses rights for directories on a file. */
static uint64_t file_rights(void)
{
	return LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV;
}

/* What is not there needs no right. */
static bool not_there(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP || error == EACCES;
}

static int allow_path(int ruleset, uint64_t handled, const struct sandbox_path *path)
{
	struct landlock_path_beneath_attr rule = {.parent_fd = open(path->path, O_PATH | O_CLOEXEC)};
	struct stat st;
	int r = 0;

	if (rule.parent_fd < 0)
		return not_there(errno) ? 0 : -errno;
	if (fstat(rule.parent_fd, &st) < 0) {
		r = -errno;
		(void)close(rule.parent_fd);
		return r;
	}
	rule.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	if (path->access == SANDBOX_READ_WRITE)
		rule.allowed_access = handled & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE;
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= file_rights();
	/* EBADFD: a pipe or a socket, as /dev/stderr often is, which Landlock leaves alone. */
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 && errno != EBADFD)
		r = -errno;
	(void)close(rule.parent_fd);
	return r;
}

static bool runs_module(enum sandbox_role role)
{
	return role == SANDBOX_TOKEN || role == SANDBOX_TOKEN_SPARED;
}

/* A network HSM's module needs TCP, and helpers behind abstract sockets; no worker needs to signal another one. */
static void set_scope(struct ruleset *attr, int abi, enum sandbox_role role)
{
	if (abi >= ABI_NET && !runs_module(role))
		attr->net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= ABI_SCOPE)
		attr->scoped = runs_module(role) ? SCOPE_SIGNAL : SCOPE_SIGNAL | SCOPE_ABSTRACT_UNIX;
}

static size_t ruleset_size(int abi)
{
	if (abi >= ABI_SCOPE)
		return sizeof(struct ruleset);
	return abi >= ABI_NET ? offsetof(struct ruleset, scoped) : offsetof(struct ruleset, net);
}

int sandbox_landlock(enum sandbox_role role, const struct sandbox_path *paths)
{
	const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset attr = {0};
	int fd, r = 0;

	if (abi < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
	attr.fs = handled_fs((int)abi);
	set_scope(&attr, (int)abi, role);
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, ruleset_size((int)abi), 0);
	if (fd < 0)
		return -errno;
	for (; paths != NULL && paths->path != NULL && r == 0; paths++)
		r = allow_path(fd, attr.fs, paths);
	if (r == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		r = -errno;
	(void)close(fd);
	return r < 0 ? r : (int)abi;
}
