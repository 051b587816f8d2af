/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no two cekds may have at a time but while one hands over to the other: the state directory and the sockets.
 */
#pragma once

#include "daemon/parent/config/config.h"
#include "daemon/parent/host/listeners.h"
#include "daemon/parent/host/state.h"
#include "daemon/parent/inherit.h"

/* Take them for config, from a cekd that serves if inheritance is not NULL. Failures are logged. 0 or -errno. config
 * must outlive both. */
int ground_take(const struct config *config, struct inheritance *inheritance, struct state *ret_state,
	struct listeners *ret_listeners);
