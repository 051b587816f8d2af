#include "daemon/logins.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"

int logins_open_pin(struct logins *logins, const char *path, int *ret_fd)
{
	const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	logins->pin = st;
	*ret_fd = fd;
	return 0;
}

void logins_stop(struct logins *logins)
{
	logins->stopped = true;
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

bool logins_pin_changed(struct logins *logins, const char *path)
{
	struct stat st;
	bool settled;

	if (!logins->stopped || lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return false;
	settled = same_file(&st, &logins->seen);
	logins->seen = st;
	return settled && !same_file(&st, &logins->pin);
}

void logins_check_pin(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		log_warning("pin-file %s: %s", path, strerror(errno));
	else if (st.st_mode & (S_IRWXG | S_IRWXO))
		log_warning("pin-file %s: others than its owner have access (mode %04o): chmod 0400 it", path, st.st_mode & 07777);
}

void logins_resume(struct logins *logins)
{
	logins->stopped = false;
}
