/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link to cekd-journal: the key journal is folded into the ring at start, new records are appended one batch after
 * the other, and each is applied to the ring once it is durable. Audit records travel on the same pair (audit.h).
 */
#pragma once

#include "daemon/broker/journal/journal_data.h"

int journal_init(struct journal *journal, struct turn *turn, struct ring *ring, struct audit *audit, int fd,
	const struct journal_events *events, void *owner);
void journal_deinit(struct journal *journal);

/* The ring is there and the journal writes. */
static inline bool journal_serving(const struct journal *journal)
{
	return journal->ok && journal->replayed && !journal->turn->stop;
}

/* The key journal is the right one, or it is clear that an operator must confirm it: the record that says that cekd has
 * started is the first of this start. Its type is filled in. */
void journal_begin(struct journal *journal, KeyRecord *open);

/* Append these records, all or none. append must be zeroed but for done and stay until done was called. 0; -ENOBUFS
 * when too many wait; -ENOMEM; -ENETDOWN when the journal does not write. The records are copied. */
int journal_append(struct journal *journal, struct append *append, KeyRecord *const *records, size_t n_records);

/* A new receipt for this intent, which is open. Otherwise as journal_append(). */
int journal_renew(struct journal *journal, struct append *append, KeyRecord *intent);

/* Send what waits, as far as the pair takes it; called at the end of each turn. */
void journal_flush(struct journal *journal);
