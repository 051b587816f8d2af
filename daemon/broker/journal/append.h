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
	bool renew;    /* nothing is appended: the record is an open intent, and a receipt for it is wanted */
	char head[96]; /* "SEQ:HASH": only if the journal holds that line; "" = in any case */
	char why[240]; /* not ok: what the journal says */
	/* Of the intent among them: the journal's receipt as the member of a packed Job, owned; NULL: none has come. */
	uint8_t *receipt;
	size_t receipt_len;
	/* Called once: the records are durable and applied to the ring, or they are not and will not be. */
	void (*done)(struct append *append, bool ok);
};

/* Pack an AppendKey with these records; a receipt that is there goes. 0 or -ENOMEM. */
int append_pack(struct append *append, KeyRecord *const *records, size_t n_records);

/* Keep a receipt as it stands in a job, to which it only has to be added. NULL, or no memory: none is kept. */
void append_keep_receipt(struct append *append, Cek__Internal__V1__Receipt *receipt);

/* Whether the record of that index is this one, but for what the journal fills in (seq, more, its times). False without
 * memory. */
bool append_holds(const struct append *append, uint64_t index, KeyRecord *record);
