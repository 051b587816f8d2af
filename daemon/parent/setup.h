/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first message to each child: what it has to know of the configuration, and its descriptors (internal.proto).
 */
#pragma once

#include <stdbool.h>

#include "daemon/parent/config/config.h"
#include "daemon/parent/host/listeners.h"
#include "daemon/parent/host/state.h"

struct setup {
	const struct config *config;
	int control;            /* cekd's end */
	int receipts;           /* the key of the receipts; not for use workers */
	const char *boot;       /* of the machine */
	int test_page;          /* -1: none */
	const uint64_t *broken; /* broker: counts by enum sequence_pair */
	bool check;             /* journal, worker: only look, answer with Checked and end */
	bool stand_by;          /* the journal: another one still writes */
};

/* Each 0 or -errno; the descriptors stay open here. */
int setup_journal(const struct setup *setup, int pair, const struct state *state);
int setup_broker(const struct setup *setup, int journal_pair, const struct listeners *listeners);
int setup_worker(const struct setup *setup, bool manage, unsigned index, unsigned generation, int pair, int executing);
