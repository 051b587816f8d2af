/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/host/logins.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/parent/host/paths.h"

static int open_in(int folder, const char *name, int *ret_fd, struct stat *ret_st)
{
	const int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, ret_st) < 0)
		r = -errno;
	else if (!S_ISREG(ret_st->st_mode))
		r = -EINVAL;
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static const char *explain(int r)
{
	switch (r) {
	case -EINVAL:
		return "it is no plain file";
	case -ELOOP:
		return "it is a symbolic link: name the file itself";
	default:
		return strerror(-r);
	}
}

int logins_open_pin(struct logins *logins, const char *path, int *ret_fd)
{
	char why[PATHS_WHY_MAX];
	const char *name;
	struct stat st;
	int folder, r = paths_open_parent(path, PATHS_OWN, &folder, &name, why);

	if (r == 0) {
		r = open_in(folder, name, ret_fd, &st);
		(void)close(folder);
		if (r < 0)
			(void)snprintf(why, sizeof(why), "%s", explain(r));
	}
	if (r < 0) {
		log_error("pin-file %s: %s", path, why);
		return r;
	}
	logins->pin = st;
	return 0;
}

void logins_stop(struct logins *logins)
{
	logins->stopped = true;
}

void logins_stop_for(struct logins *logins, const char *path)
{
	int fd = -1;

	if (logins_open_pin(logins, path, &fd) == 0)
		(void)close(fd);
	logins_stop(logins);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
		same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

static int look(const char *path, struct stat *ret_st, char *ret_why)
{
	const char *name;
	int folder, r = paths_open_parent(path, PATHS_OWN, &folder, &name, ret_why);

	if (r < 0)
		return r;
	if (fstatat(folder, name, ret_st, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	else if (!S_ISREG(ret_st->st_mode))
		r = S_ISLNK(ret_st->st_mode) ? -ELOOP : -EINVAL;
	(void)close(folder);
	if (r < 0)
		(void)snprintf(ret_why, PATHS_WHY_MAX, "%s", explain(r));
	return r;
}

bool logins_pin_changed(struct logins *logins, const char *path)
{
	char why[PATHS_WHY_MAX];
	struct stat st;
	bool settled;

	if (!logins->stopped || look(path, &st, why) < 0 || st.st_size == 0)
		return false;
	settled = same_file(&st, &logins->seen);
	logins->seen = st;
	return settled && !same_file(&st, &logins->pin);
}

static void warn_of_owner(const char *path, uid_t owner)
{
	if (owner != 0 && owner != geteuid())
		log_warning("pin-file %s: belongs to uid %u, who can put another PIN there: chown it to %s", path,
			(unsigned)owner, geteuid() == 0 ? "root" : "root or the user that starts cekd");
}

int logins_check_pin(const char *path, struct stat *ret_st)
{
	char why[PATHS_WHY_MAX];
	struct stat st;
	const int r = look(path, &st, why);

	if (paths_may_change(r)) {
		log_warning("pin-file %s: %s", path, why);
		return paths_outcome(r);
	}
	if (r < 0) {
		log_error("pin-file %s: %s", path, why);
		return r;
	}
	warn_of_owner(path, st.st_uid);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		log_warning("pin-file %s: others than its owner have access (mode %04o): chmod 0400 it", path,
			st.st_mode & 07777);
	*ret_st = st;
	return PATHS_SEEN;
}

void logins_resume(struct logins *logins)
{
	logins->stopped = false;
}
