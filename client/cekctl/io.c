#include "client/cekctl/io.h"

#include <errno.h>
#include <unistd.h>

#include "proto/wipe.h"

ssize_t io_read_all(int fd, void *data, size_t size)
{
	char *to = data, extra;
	size_t n = 0;

	for (;;) {
		ssize_t got = n < size ? read(fd, to + n, size - n) : read(fd, &extra, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return (ssize_t)n;
		if (n == size) {
			wipe(&extra, 1); /* a byte of what may be a secret */
			return -EMSGSIZE;
		}
		n += (size_t)got;
	}
}

int io_write_all(int fd, const void *data, size_t len)
{
	const char *from = data;

	while (len > 0) {
		ssize_t put = write(fd, from, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		from += put;
		len -= (size_t)put;
	}
	return 0;
}
