/*
 * The sockets that peers connect to. cekd opens them and hands them to the broker; it never accepts.
 */
#pragma once

#include <sys/stat.h>

#include "daemon/parent/config/config.h"

struct listener_file {
	int folder;       /* -1: systemd made it, and keeps it */
	const char *name; /* in that folder; belongs to the configuration */
	struct stat made;
};

struct listeners {
	int fds[CONFIG_LISTENERS_MAX]; /* in the order of the configuration */
	struct listener_file files[CONFIG_LISTENERS_MAX]; /* removed at the end */
	size_t n;
};

/* Take those that the service manager passed (LISTEN_FDS, by name) and make the others, in folders that nobody else can
 * write (paths.h). Failures are logged. A socket file that nobody answers on is replaced. 0 or -errno; on failure nothing
 * stays open. config must outlive ret_listeners. */
int listeners_open(const struct config *config, struct listeners *ret_listeners);

/* Whether they can be made, as far as that is known before: what is wrong is logged. 0 or -EINVAL. */
int listeners_check(const struct config *config);

/* Close them and remove the socket files that were made here. */
void listeners_close(struct listeners *listeners);
