/* SPDX-License-Identifier: Apache-2.0 */
#include "base/notify_socket.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

struct notify_socket notify_socket(const char *path)
{
	struct notify_socket to = {0};
	const size_t len = path != NULL ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(to.address.sun_path) || (*path != '/' && *path != '@'))
		return to;
	to.address.sun_family = AF_UNIX;
	memcpy(to.address.sun_path, path, len);
	if (*path == '@') /* abstract */
		to.address.sun_path[0] = '\0';
	to.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return to;
}

int notify_socket_send(const struct notify_socket *to, const char *lines)
{
	int fd, r = 0;

	if (to->len == 0)
		return 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (const struct sockaddr *)&to->address, to->len) < 0)
		r = -errno;
	(void)close(fd);
	return r;
}
