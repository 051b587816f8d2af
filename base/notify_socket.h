/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_notify(3) by hand: libsystemd would bring compression libraries into each process.
 */
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

struct notify_socket {
	struct sockaddr_un address;
	socklen_t len; /* 0: nobody listens */
};

/* What $NOTIFY_SOCKET says; NULL, or no address of a Unix socket: nobody. */
struct notify_socket notify_socket(const char *path);

/* Assignments, one a line. Never waits: a manager that does not read must stop nobody. 0 or -errno. */
int notify_socket_send(const struct notify_socket *to, const char *lines);
