/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key as a change would leave it: a copy beside the ring, moved by the functions that fold the change's record.
 */
#pragma once

#include "daemon/broker/lifecycle/change_data.h"

struct shadow {
	struct key key;
	struct version *changed;   /* the one that the change is about, or the new one; NULL: none, or a schedule */
	struct version **pointers; /* of key */
	struct version *versions;
	char *alias[ALIASES_MAX + 1]; /* of the changed version, if they differ */
};

/* Of a change that is about a key. It shares with the ring what it does not change; not to be kept beyond this turn.
 * NULL without memory. */
struct shadow *shadow_new(const struct change *change, uint64_t now);

struct shadow *shadow_free(struct shadow *shadow);
