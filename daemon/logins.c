#include "daemon/logins.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

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

bool logins_pin_changed(const struct logins *logins, const char *path)
{
	struct stat st;

	if (!logins->stopped || lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	return st.st_ino != logins->pin.st_ino || st.st_dev != logins->pin.st_dev || st.st_size != logins->pin.st_size ||
	       !same_time(&st.st_mtim, &logins->pin.st_mtim) || !same_time(&st.st_ctim, &logins->pin.st_ctim);
}

void logins_resume(struct logins *logins)
{
	logins->stopped = false;
}
