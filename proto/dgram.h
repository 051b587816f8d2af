/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One protobuf message a datagram between cekd's processes (internal.proto), descriptors beside it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <protobuf-c/protobuf-c.h>

enum {
	DGRAM_MAX = 131072, /* bytes: a frame of 64 KiB and what goes around it */
	DGRAM_JOBS_MAX =
		16384, /* bytes of jobs to a use worker in one; a rewrap with everything at its limit needs 5 KiB */
	DGRAM_FDS_MAX = 64,
};

/* A SOCK_SEQPACKET pair, close-on-exec, with buffers for several large datagrams. 0 or -errno. */
int dgram_pair(int ret_fds[2]);

/* Send msg with n_fds descriptors, which stay open here. The packed bytes are wiped afterwards. 0; -EAGAIN if the
 * socket is non-blocking and full; -EMSGSIZE; other -errno. */
int dgram_send(int fd, const ProtobufCMessage *msg, const int *fds, size_t n_fds);

/* Receive one datagram into buffer (DGRAM_MAX bytes, of locked memory where secrets travel). Returns its length, 0 at
 * the end of the stream, -EAGAIN, -EMSGSIZE for one that was cut, or other -errno. Descriptors beyond max_fds are
 * closed; those received are close-on-exec and belong to the caller. flags as for recvmsg(2). */
ssize_t dgram_recv(int fd, int flags, uint8_t *buffer, size_t size, int *ret_fds, size_t max_fds, size_t *ret_n_fds);
