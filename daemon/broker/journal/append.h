/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records on their way to the key journal.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "daemon/broker/base/names.h"

/* Embedded in what waits for them. */
struct append {
	struct link link;
	uint64_t id;
	uint8_t *packed; /* a ToJournal; owned */
	size_t len;
	size_t n;      /* records */
	char head[96]; /* "SEQ:HASH": only if the journal holds that line; "" = in any case */
	char why[160]; /* not ok: what the journal says */
	/* Called once: the records are durable and applied to the ring, or they are not and will not be. */
	void (*done)(struct append *append, bool ok);
};

/* Whether the record of that index is this one, but for what the journal fills in (seq, more). False without memory. */
bool append_holds(const struct append *append, uint64_t index, KeyRecord *record);
