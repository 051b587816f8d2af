/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All records of the key journal for a broker that has just started, in as many datagrams as it takes, and what speaks
 * against them (internal.proto, ReplayBatch).
 */
#pragma once

#include <stdint.h>

#include "base/wipe.h"
#include "daemon/journal/evidence.h"
#include "daemon/journal/serve/pair.h"
#include "daemon/journal/store.h"

/* Answer the question id. The arena holds the records of one datagram; it is reset. *ret_head is the last line that was
 * sent. 0; -EROFS or -EBADMSG: the journal cannot be trusted, and its replay did not end; other -errno. */
int replay_send(const struct pair *pair, struct store *store, const struct evidence *evidence, struct arena *arena,
	uint64_t id, struct chain_head *ret_head);
