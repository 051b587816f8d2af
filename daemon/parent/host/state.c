/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/host/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/parent/host/paths.h"

enum {
	PARENT_TRIES = 20,    /* a cekd that is just ending */
	CHILDREN_TRIES = 300, /* children of a cekd that was killed: a token call may still be under way */
	TRY_PAUSE_NS = 50000000,
};

static int make_directory(const char *path, bool split_uids, char *why)
{
	const char *name;
	int parent, r = paths_open_parent(path, PATHS_PARENT, &parent, &name, why);

	if (r < 0)
		return r;
	/* 0711 when uids are split, since the worker's token may lie below; its names are no secret. */
	if (mkdirat(parent, name, split_uids ? 0711 : 0700) < 0 && errno != EEXIST) {
		r = -errno;
		(void)snprintf(why, PATHS_WHY_MAX, "%s: make it, owned by the user that starts cekd", strerror(-r));
	}
	(void)close(parent);
	return r;
}

static int open_directory(const char *path, bool split_uids, int *ret_fd)
{
	char why[PATHS_WHY_MAX];
	int folder = -1, fd;
	int r = paths_open(path, PATHS_OWN, &folder, why);

	if (r == -ENOENT) {
		r = make_directory(path, split_uids, why);
		if (r == 0)
			r = paths_open(path, PATHS_OWN, &folder, why);
	}
	if (r < 0) {
		log_error("%s: %s", path, why);
		return r;
	}
	fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : 0;
	(void)close(folder);
	if (r < 0) {
		log_error("%s: %s", path, strerror(-r));
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int state_check(const char *path)
{
	char why[PATHS_WHY_MAX];
	const char *name;
	int fd = -1;
	int r = paths_open(path, PATHS_OWN, &fd, why);

	const bool there = r != -ENOENT;

	if (!there)
		r = paths_open_parent(path, PATHS_PARENT, &fd, &name, why);
	if (r == 0)
		(void)close(fd);
	if (r == 0 && there)
		return PATHS_SEEN;
	if (r == 0)
		return PATHS_ABSENT;
	if (r == -EACCES)
		log_warning("state-directory %s: %s", path, why);
	else
		log_error("%s: %s", path, why);
	return r == -ENOENT ? r : paths_outcome(r);
}

static int lock(int fd, int tries)
{
	const struct timespec pause = {.tv_nsec = TRY_PAUSE_NS};
	int r = -EWOULDBLOCK;

	for (int i = 0; i < tries && r == -EWOULDBLOCK; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
	}
	return r;
}

static int lock_children(const char *path, int directory, int *ret_fd)
{
	const int fd = openat(directory, "lock", O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : lock(fd, CHILDREN_TRIES);

	if (r < 0) {
		log_error("%s/lock: %s", path,
			r == -EWOULDBLOCK ? "processes of an earlier cekd are still there: see what they wait for"
					  : strerror(-r));
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* A descriptor that is handed on must not carry the lock with it. */
static int open_place(const char *path, int directory, int *ret_fd)
{
	const int fd = openat(directory, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const int r = fd < 0 ? -errno : 0;

	if (r < 0)
		log_error("%s: %s", path, strerror(-r));
	*ret_fd = fd;
	return r;
}

int state_open(const char *path, bool split_uids, struct state *ret_state)
{
	struct state state = {.path = path, .place = -1, .keys = -1, .audit = -1};
	int r = open_directory(path, split_uids, &state.directory);

	if (r < 0)
		return r;
	r = lock(state.directory, PARENT_TRIES);
	if (r < 0)
		log_error("%s: %s", path, r == -EWOULDBLOCK ? "another cekd uses it" : strerror(-r));
	else
		r = lock_children(path, state.directory, &state.lock);
	if (r == 0) {
		r = open_place(path, state.directory, &state.place);
		if (r < 0)
			(void)close(state.lock);
	}
	if (r < 0) {
		(void)close(state.directory);
		return r;
	}
	*ret_state = state;
	return 0;
}

/* A root without any right over the files of others has to be its owner for that moment. */
static int open_as_owner(int directory, const char *name, int flags, uid_t owner)
{
	int fd, error;

	(void)setfsuid(owner);
	fd = openat(directory, name, flags);
	error = errno;
	(void)setfsuid(geteuid());
	errno = error;
	return fd;
}

/* The very file, whatever its name leads to by now. */
static int open_anew(int fd, int *ret_fd)
{
	const int flags = O_RDWR | O_APPEND | O_CLOEXEC;
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*ret_fd = open(path, flags);
	if (*ret_fd < 0 && errno == EACCES && fstat(fd, &st) == 0)
		*ret_fd = open_as_owner(AT_FDCWD, path, flags, st.st_uid);
	return *ret_fd < 0 ? -errno : 0;
}

int state_take(const char *path, const int fds[STATE_FDS], struct state *ret_state)
{
	struct state state = {
		.path = path,
		.directory = fds[0],
		.lock = fds[1],
		.place = fds[2],
		.keys = -1,
		.audit = -1,
	};
	int r = open_anew(fds[3], &state.keys);

	if (r == 0)
		r = open_anew(fds[4], &state.audit);
	(void)close(fds[3]);
	(void)close(fds[4]);
	if (r < 0) {
		log_error("%s: the journals cannot be opened once more: %s", path, strerror(-r));
		state_close(&state);
		return r;
	}
	*ret_state = state;
	return 0;
}

/* Its writer gets the descriptor. So where root has no right to give files away (CapabilityBoundingSet=), a new one
 * stays root's, for the group of its writer to read. */
static int give(int fd, const struct stat *st, const struct account *owner)
{
	if (st->st_uid == owner->uid && st->st_gid == owner->gid)
		return 0;
	if (fchown(fd, owner->uid, owner->gid) == 0)
		return 0;
	if (errno != EPERM || (st->st_uid != geteuid() && st->st_uid != owner->uid))
		return -errno;
	if (st->st_uid == geteuid() && fchown(fd, (uid_t)-1, owner->gid) < 0 && errno != EPERM)
		return -errno;
	return 0;
}

static int check_file(int fd, const struct account *owner)
{
	struct stat st;
	int r = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return -EMLINK;
	if (owner != NULL)
		r = give(fd, &st, owner);
	if (r < 0 || (st.st_mode & 07777) == 0640)
		return r;
	return fchmod(fd, 0640) < 0 ? -errno : 0;
}

static const char *explain(int r)
{
	switch (r) {
	case -EMLINK:
		return "not a plain file with one name";
	case -EACCES:
	case -EPERM:
		return "belongs to another user, and may not be given to its own: chown it to root, chmod 0640 it";
	default:
		return strerror(-r);
	}
}

static int open_file(const struct state *state, const char *name, const struct account *owner, int *ret_fd)
{
	const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC;
	int fd, r;

	if (*ret_fd >= 0)
		return 0;
	fd = openat(state->directory, name, flags | O_CREAT, 0640);
	if (fd < 0 && errno == EACCES && owner != NULL)
		fd = open_as_owner(state->directory, name, flags, owner->uid);
	r = fd < 0 ? -errno : check_file(fd, owner);
	if (r == 0 && fsync(state->directory) < 0) /* the name, should it be new */
		r = -errno;
	if (r < 0) {
		log_error("%s/%s: %s", state->path, name, explain(r));
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int state_open_journals(struct state *state, const struct account *owner)
{
	const int r = open_file(state, "keys.jsonl", owner, &state->keys);

	return r < 0 ? r : open_file(state, "audit.jsonl", owner, &state->audit);
}

void state_close(struct state *state)
{
	if (state->keys >= 0)
		(void)close(state->keys);
	if (state->audit >= 0)
		(void)close(state->audit);
	(void)close(state->place);
	(void)close(state->lock);
	(void)close(state->directory);
}
