/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key journal that was copied, or restored from a backup, may be older than the life of its keys: it could bring back
 * a version that was compromised since. One without any key may be that of a state directory which is not mounted: then
 * the token, which is asked for it, holds keys of cekd. Until an operator confirms such a journal, cekd serves no CEK
 * and takes no step by itself; nor until the token has answered. Here is what replay and ring say of that.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/broker/base/names.h"
#include "daemon/broker/ring/ring.h"

enum { RESTORE_LATER_MAX = 16 };

struct restore {
	char why[200];
	char head[RING_HEAD_MAX];       /* of the journal as it was found */
	char file[80];                  /* which file the journal is */
	char *later[RESTORE_LATER_MAX]; /* changes that only the audit journal knows */
	size_t n_later;
	bool more_later; /* there were others before these */
	/* Of a journal without keys: */
	bool asking;    /* the token has not said yet whether it holds keys of cekd */
	bool empty;     /* that is why it waits for a confirmation */
	bool logged;    /* that the token cannot be asked: once, not at every try */
	size_t foreign; /* keys in the token that it does not know and cekd did not make: adopted ones may be among them
			 */
};

void restore_deinit(struct restore *restore);

/* The last part of the replay has come and the ring is folded: is this the file that cekd wrote last? True: it is not
 * known yet, because there is no key in it; the token has to be asked (asking). */
bool restore_look(struct restore *restore, struct ring *ring, const Cek__Internal__V1__ReplayBatch *last);

/* The token cannot be asked, and why; or it holds n keys of cekd, and of foreign ones, which include those, so many. */
void restore_not_told(struct restore *restore, const char *why);
void restore_told(struct restore *restore, struct ring *ring, size_t n, size_t foreign);

/* What the record "open" says of that; it points into both. */
void restore_fill_open(struct restore *restore, struct ring *ring, KeyRecord *open);

/* The journal waits for a confirmation, or for the token's answer. */
static inline bool restore_needed(const struct restore *restore, const struct ring *ring)
{
	return ring->suspect || restore->asking;
}

/* Why nothing is served then: for a peer (static), and for Status (until the broker's next turn). */
const char *restore_refusal(const struct restore *restore);
const char *restore_why(const struct restore *restore);
