/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of a store (daemon/journal/store.h) that are waited for, by what the store itself says it waits for. */
#pragma once

#include <stddef.h>

#include "daemon/journal/store.h"

/* One append or sync. */
struct store_call {
	unsigned n; /* how often it was told; 0 = still under way */
	enum store_outcome outcome;
	struct chain_head head;
	char why[STORE_WHY_MAX];
};

/* For done; userdata is the call. */
void store_call_done(void *userdata, const struct store_result *result);

/* One turn, after what the store waits for. Fails if it waits for nothing, or nothing comes. */
void store_call_turn(struct store *store);

/* As many as it takes. */
void store_call_wait(struct store *store, const struct store_call *call);

/* Append where the chain ends now, and wait. */
struct store_call store_call_append(struct store *store, Cek__Internal__V1__KeyRecord *const *records, size_t n);
struct store_call store_call_sync(struct store *store);
