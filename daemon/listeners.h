/*
 * The sockets that peers connect to. cekd opens them and hands them to the broker; it never accepts.
 */
#pragma once

#include <stdbool.h>

#include "daemon/config.h"

struct listeners {
	int fds[CONFIG_LISTENERS_MAX];  /* in the order of the configuration */
	bool made[CONFIG_LISTENERS_MAX]; /* here, not by systemd: removed at the end */
	size_t n;
};

/* Take those that the service manager passed (LISTEN_FDS, by name) and make the others. Failures are logged. A socket
 * file that nobody answers on is replaced. 0 or -errno; on failure nothing stays open. */
int listeners_open(const struct config *config, struct listeners *ret_listeners);

/* Close them and remove the socket files that were made here. */
void listeners_close(const struct config *config, struct listeners *listeners);
