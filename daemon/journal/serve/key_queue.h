/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker asks of the key journal, in its order, and as far as the law allows it: while an append is under way,
 * what comes after it waits here, and the audit records pass by. A store that waits for a network must not hold up the
 * replies of unwraps.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/wipe.h"
#include "daemon/journal/evidence.h"
#include "daemon/journal/law/law.h"
#include "daemon/journal/serve/pair.h"
#include "daemon/journal/serve/report.h"
#include "daemon/journal/store.h"

enum { KEY_QUEUE_MAX = 16 }; /* datagrams that wait here; more wait in the pair */

struct key_queue {
	const struct pair *pair;
	struct store *store;
	struct evidence *evidence;
	struct report *report;
	struct law *law;     /* NULL: everything is allowed */
	struct arena *arena; /* for one message; nobody else's is there while a function below runs */

	struct link waiting;
	size_t n;
	bool busy;              /* an append or a sync is under way, */
	uint64_t id;            /* of the append, */
	bool confirms;          /* which has a "restored" record */
	struct chain_head head; /* the last line that the broker knows: its appends expect it */
	bool read;              /* it has been told: what an earlier journal told it, this one does not believe */
	bool behind;            /* there are later ones, of others */
	int error;              /* it cannot go on */
	unsigned ended;         /* brokers that broke the law, */
	uint64_t ended_us;      /* the first of them, monotonic */
	uint64_t busy_due;      /* when the broker is told again that a long call is under way */
};

/* Set the members above the blank line first. deinit is safe on a zeroed struct. */
void key_queue_init(struct key_queue *queue);
void key_queue_deinit(struct key_queue *queue);

/* Replay or AppendKey, unpacked and as it came: do it, or keep it until its turn has come. Here as below: 0, or
 * -errno when it cannot go on. */
int key_queue_take(struct key_queue *queue, const Cek__Internal__V1__ToJournal *message, const uint8_t *data,
	size_t len);

/* What the store waits for is there (store_wait()): go on, and answer. */
int key_queue_turn(struct key_queue *queue);

/* Enough waits here: better leave the rest in the pair. */
bool key_queue_full(const struct key_queue *queue);

/* The end: wait until all of them are done, and durable. */
int key_queue_finish(struct key_queue *queue);
