/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rulebook from the inside, for the files of this room.
 */
#pragma once

#include "daemon/broker/policy/policy.h"
#include "daemon/parent/config/config.h"

struct rulebook {
	struct config *config;
	struct policy policy; /* of the rules of config, in the same order */
	char *listeners[LISTENERS_MAX];
};

/* Whether a process with this uid and these groups may connect to the socket, as the file would make it. */
bool open_allows(const struct listener_wanted *listener, uid_t uid, const gid_t *gids, size_t n_gids);
