/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dgram.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wipe.h"

enum {
	PAIR_BUFFER =
		1 << 20, /* bytes; the kernel gives less to ordinary users, which is still enough for one datagram */
};

static void widen(int fd)
{
	const int size = PAIR_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int dgram_pair(int ret_fds[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	widen(fds[0]);
	widen(fds[1]);
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * DGRAM_FDS_MAX)];
};

static int send_packed(int fd, void *data, size_t len, const int *fds, size_t n_fds)
{
	struct iovec iov = {.iov_base = data, .iov_len = len};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
	union control control;
	ssize_t sent;

	if (n_fds > 0) {
		memset(&control, 0, sizeof(control));
		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);

		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * n_fds);
	}
	do {
		sent = sendmsg(fd, &header, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* CEKs pass through here, hence an arena. One is enough: cekd's processes have one thread that sends. */
static struct arena *pack_arena(void)
{
	static struct arena arena;

	if (arena.base == NULL && arena_init(&arena, DGRAM_MAX) < 0)
		return NULL;
	return &arena;
}

int dgram_send(int fd, const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	const size_t len = protobuf_c_message_get_packed_size(msg);
	struct arena *arena;
	uint8_t *packed;
	int r;

	/* An empty datagram would read as the end of the stream. */
	if (len == 0 || n_fds > DGRAM_FDS_MAX)
		return -EINVAL;
	if (len > DGRAM_MAX)
		return -EMSGSIZE;
	arena = pack_arena();
	if (arena == NULL)
		return -ENOMEM;
	packed = arena_alloc(arena, len);
	if (packed == NULL)
		return -ENOMEM;
	protobuf_c_message_pack(msg, packed);
	r = send_packed(fd, packed, len, fds, n_fds);
	arena_reset(arena);
	return r;
}

/* Copy up to max_fds of the descriptors in header, close the others. */
static size_t take_fds(struct msghdr *header, int *ret_fds, size_t max_fds)
{
	size_t n = 0;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg != NULL; cmsg = CMSG_NXTHDR(header, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
			if (n < max_fds)
				ret_fds[n++] = fd;
			else
				(void)close(fd);
		}
	}
	return n;
}

ssize_t dgram_recv(int fd, int flags, uint8_t *buffer, size_t size, int *ret_fds, size_t max_fds, size_t *ret_n_fds)
{
	struct iovec iov = {.iov_base = buffer, .iov_len = size};
	union control control;
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	int taken[DGRAM_FDS_MAX];
	size_t n_taken;
	ssize_t len;

	do {
		len = recvmsg(fd, &header, flags | MSG_CMSG_CLOEXEC);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	n_taken = take_fds(&header, taken, max_fds < DGRAM_FDS_MAX ? max_fds : DGRAM_FDS_MAX);
	if (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		for (size_t i = 0; i < n_taken; i++)
			(void)close(taken[i]);
		wipe(buffer, size);
		return -EMSGSIZE;
	}
	if (n_taken > 0)
		memcpy(ret_fds, taken, sizeof(int) * n_taken);
	if (ret_n_fds != NULL)
		*ret_n_fds = n_taken;
	return len;
}
