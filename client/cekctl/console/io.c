/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/io.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/wipe.h"

enum { LINE_FIRST = 1024 };

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

/* getline(3) would take all the memory that a line wants. */
int io_read_line(FILE *file, size_t max, char **ret_line, size_t *ret_len)
{
	size_t size = LINE_FIRST, len = 0;
	char *line = malloc(size), *larger;
	int c = 0;

	while (line && c != '\n' && len <= max + 1 && (c = getc_unlocked(file)) != EOF) {
		line[len++] = (char)c;
		if (len < size)
			continue;
		larger = realloc(line, size *= 2);
		if (!larger)
			free(line);
		line = larger;
	}
	if (!line || ferror(file) || len == 0 || len - (c == '\n') > max) {
		free(line);
		return !line ? -ENOMEM : ferror(file) ? -errno : len == 0 ? 0 : -EMSGSIZE;
	}
	len -= c == '\n';
	line[len] = '\0';
	*ret_line = line;
	*ret_len = len;
	return 1;
}
