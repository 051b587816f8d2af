/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam behind which the key journal is kept: one chain of records (proto/chain.h), which is the ring. What stands
 * behind it, a file of this machine (file/store_file.h) or something that many machines share and that waits for a
 * network, nobody above knows: a store is a table of functions, and main.c alone says which one is used.
 *
 * Who calls: one thread, the functions below. A store calls back from store_turn() only, never from inside another
 * function, so that whoever asks has always finished asking. What completes later (append, sync, records of others) is
 * waited for with store_wait() and told in store_turn(). Nothing below waits, but for read_from and holds, and these no
 * longer than the store's own deadline; an append or sync has come back after such a deadline, too. Where reading waits
 * for a network, keep that deadline below what the audit trail can wait (it shares the thread), or read ahead.
 *
 * Ownership: a store is made by its own open function, which says what it takes (so no open stands in the table), and
 * ended by store_close(). Records given to append are needed until it returns; those given to a call-back live until
 * that returns, as does whatever a result points to. What state points to lives until the next call.
 *
 * Errors: a store that cannot be used, now or at all, still opens: its state says why in one line with what to do, and
 * cekd's Status passes it on. -errno comes only from what the caller could mend or must end over.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/chain.h"
#include "proto/internal.pb-c.h"

enum {
	STORE_WHY_MAX = 512,
	STORE_RECORD_MAX = 98304, /* bytes of one key record, packed: it must fit into a datagram with others around */
	STORE_IDENTITY_MAX = 64,
};

enum store_outcome {
	STORE_DONE,     /* all of it is durable */
	STORE_CONFLICT, /* nothing was written: the chain does not end with the expected head, others have appended */
	STORE_REFUSED,  /* nothing was written: these records cannot be written down or could not be read back */
	STORE_FAILED,   /* nothing was written: the store cannot; its state says what is wrong, and it may pass */
	STORE_UNKNOWN,  /* written or not, and the store has given up to find out. One behind a network repeats the
			   append  itself, under the head's lock, until it knows: a read that says "not there" may be
			   wrong while  the commit waits. What comes after this outcome reads the chain anew and compares
			   records */
};

struct store_result {
	enum store_outcome outcome;
	struct chain_head head; /* where the chain ends, as far as the store knows */
	const char *why;        /* one line; empty if done */
};

struct store_state {
	const char *text; /* "ok", or one line that says what is wrong and what to do */
	bool ok;
	bool refused;           /* it cannot be read, nor trusted, until the next start */
	struct chain_head head; /* where the chain ends, as far as the store knows */
	const char *identity;   /* which journal this is: another one is a copy of it. "" = not known */
};

/* What store_turn() is called for: fd is ready for events (poll(2); fd -1 = none), or due has come. */
struct store_wait {
	int fd;
	short events;
	uint64_t due; /* clock_monotonic_us(), 0 = none */
};

/* One record; head is the place after its line. What a store_record_fn returns, if negative, ends the reading. */
typedef int store_record_fn(void *userdata, const Cek__Internal__V1__KeyRecord *record, const struct chain_head *head);
typedef void store_others_fn(void *userdata, const Cek__Internal__V1__KeyRecord *record, const struct chain_head *head);
typedef void store_done_fn(void *userdata, const struct store_result *result);

struct store;

struct store_ops {
	/* The records from this seq on, in order. 0; what fn returned; -EROFS: the journal is refused, -EBADMSG: it is
	 * from now on; other -errno. */
	int (*read_from)(struct store *store, uint64_t seq, store_record_fn *fn, void *userdata);

	/* Whether the chain holds this line. 0; -ENOENT with a line in why; -EROFS and other -errno. */
	int (*holds)(struct store *store, const struct chain_head *line, char why[STORE_WHY_MAX]);

	/* Append all n records, durably, or none, and only if the chain ends with the expected head. Sets more in each,
	 * and the seq that it gets. 0: done is called, once; -EBUSY: an append or a sync is under way, done is not. */
	int (*append)(struct store *store, Cek__Internal__V1__KeyRecord *const *records, size_t n,
		const struct chain_head *expected, store_done_fn *done, void *userdata);

	/* A write of one's own that has come back: whatever this store has told is durable, and it is still the one
	 * that all others see. As append: 0 or -EBUSY. */
	int (*sync)(struct store *store, store_done_fn *done, void *userdata);

	/* Tell of records that others append from now on, in order and each once; those of an append from here are not
	 * told. So that none is missed subscribe first and read then: what comes by both ways has a seq that is known.
	 * fn NULL: no more. A store that nobody else can write to never calls. */
	void (*subscribe)(struct store *store, store_others_fn *fn, void *userdata);

	/* Of a store that was opened to stand by, while another process writes: read the records that were not there at
	 * the call before. last: that process has ended, and the journal is this one's from now on; nothing else may be
	 * called before. 0; -EBADMSG: it cannot be trusted, state says why; or what fn returned. NULL: it cannot stand
	 * by. */
	int (*follow)(struct store *store, bool last, store_record_fn *fn, void *userdata);

	/* See whether the journal is still where it was and as it was left; state tells. Once a second. */
	void (*look)(struct store *store);

	/* If something is wrong that may pass (a full disk), try again. Once a second while the state is not ok. */
	void (*retry)(struct store *store);

	struct store_state (*state)(const struct store *store);
	struct store_wait (*wait)(const struct store *store);

	/* Go on with what can go on now, and call back. Harmless when nothing is ready. */
	void (*turn)(struct store *store);

	/* Without a call-back for what is under way: it may be written or not. */
	void (*close)(struct store *store);
};

/* The first member of each store's own struct. */
struct store {
	const struct store_ops *ops;
	/* Now and then during a call below that takes long and tells nothing; NULL: nobody wants to know. */
	void (*busy)(void *userdata);
	void *busy_userdata;
};

static inline int store_read_from(struct store *store, uint64_t seq, store_record_fn *fn, void *userdata)
{
	return store->ops->read_from(store, seq, fn, userdata);
}

static inline int store_holds(struct store *store, const struct chain_head *line, char why[STORE_WHY_MAX])
{
	return store->ops->holds(store, line, why);
}

static inline int store_append(struct store *store, Cek__Internal__V1__KeyRecord *const *records, size_t n,
	const struct chain_head *expected, store_done_fn *done, void *userdata)
{
	return store->ops->append(store, records, n, expected, done, userdata);
}

static inline int store_sync(struct store *store, store_done_fn *done, void *userdata)
{
	return store->ops->sync(store, done, userdata);
}

static inline void store_subscribe(struct store *store, store_others_fn *fn, void *userdata)
{
	store->ops->subscribe(store, fn, userdata);
}

static inline int store_follow(struct store *store, bool last, store_record_fn *fn, void *userdata)
{
	return store->ops->follow(store, last, fn, userdata);
}

static inline void store_look(struct store *store)
{
	store->ops->look(store);
}

static inline void store_retry(struct store *store)
{
	store->ops->retry(store);
}

static inline struct store_state store_state(const struct store *store)
{
	return store->ops->state(store);
}

static inline struct store_wait store_wait(const struct store *store)
{
	return store->ops->wait(store);
}

static inline void store_turn(struct store *store)
{
	store->ops->turn(store);
}

/* NULL is allowed; returns NULL. */
static inline struct store *store_close(struct store *store)
{
	if (store)
		store->ops->close(store);
	return NULL;
}
