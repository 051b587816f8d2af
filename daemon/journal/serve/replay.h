/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All records of the key journal for a broker that has just started, in as many datagrams as it takes, and what speaks
 * against them (internal.proto, ReplayBatch).
 */
#pragma once

#include <stdint.h>

#include "base/wipe.h"
#include "daemon/journal/evidence.h"
#include "daemon/journal/law/law.h"
#include "daemon/journal/serve/pair.h"
#include "daemon/journal/store.h"

struct replay;

/* Begin the answer to question id. The arena holds the records of one datagram; each call below resets it. law reads
 * them as well (NULL: none is kept). pair, law, arena: they must stay. 0 or -ENOMEM. */
int replay_begin(const struct pair *pair, struct law *law, struct arena *arena, uint64_t id,
	struct replay **ret_replay);

/* The next record, and the line that it stands in: a store_record_fn. 0 or -errno. */
int replay_add(void *replay, const Cek__Internal__V1__KeyRecord *record, const struct chain_head *head);

/* These are all for now; or all there are, and what speaks against them. *ret_head is the last line. 0 or -errno. */
int replay_so_far(struct replay *replay);
int replay_end(struct replay *replay, const struct evidence *evidence, const char *identity,
	struct chain_head *ret_head);

/* NULL is allowed. Returns NULL. */
struct replay *replay_free(struct replay *replay);

/* All of it: answer the question id. *ret_head is the last line that was sent. 0; -EROFS or -EBADMSG: the journal
 * cannot be trusted, and its replay did not end; other -errno. */
int replay_send(const struct pair *pair, struct store *store, const struct evidence *evidence, struct law *law,
	struct arena *arena, uint64_t id, struct chain_head *ret_head);
