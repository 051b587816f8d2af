/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cekd --check has its children look at, as they do at a start: the same programs, under their uids, in their
 * sandboxes, with a time bound. Each prints its lines (check_say.h) and gives CHECK_SAID, or -errno after saying in the
 * log what would stop a start.
 */
#pragma once

#include <stdint.h>

#include "daemon/parent/config/config.h"
#include "daemon/parent/host/state_look.h"

struct check_child {
	const struct config *config;
	const char *programs; /* directory */
};

/* Limits and sandbox of the broker. */
int check_broker(const struct check_child *check);

/* Both journals, read only; when the last record was written (microseconds since 1970, 0: none). */
int check_journal(const struct check_child *check, const struct state_found *state, uint64_t *ret_last_time);

/* Module and token, without a login. */
int check_token(const struct check_child *check);
