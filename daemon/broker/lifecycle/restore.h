/*
 * A key journal that was copied, or restored from a backup, may be older than the life of its keys: it could bring back
 * a version that was compromised since. One without any key may be that of a state directory which is not mounted: then
 * the token, which is asked for it, holds keys of cekd. Until an operator confirms such a journal, cekd serves no CEK and
 * takes no step by itself; nor until the token has answered.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/broker/base/names.h"
#include "daemon/broker/base/timers.h"
#include "daemon/broker/request/request.h"
#include "daemon/broker/ring/ring.h"
#include "daemon/broker/workers/workers.h"

struct broker;
struct change;
struct inventory;

enum { RESTORE_LATER_MAX = 16 };

struct restore {
	char why[200];
	char head[RING_HEAD_MAX]; /* of the journal as it was found */
	char file[80];    /* which file the journal is */
	char *later[RESTORE_LATER_MAX]; /* changes that only the audit journal knows */
	size_t n_later;
	bool more_later;  /* there were others before these */
	/* Of a journal without keys: */
	bool asking;      /* the token has not said yet whether it holds keys of cekd */
	struct job job;   /* the inventory */
	uint8_t packed[32];
	struct inventory *inventory; /* the parts that have come */
	bool spoilt;      /* a part was of no use: the rest is only waited for */
	struct timer again;
	bool empty;       /* that is why it waits for a confirmation */
};

/* The last part of the replay has come and the ring is folded: is this the file that cekd wrote last? True: it is not
 * known yet, because there is no key in it; restore_ask() then asks the token and calls journal_begin() when it knows. */
bool restore_look(struct broker *broker, const Cek__Internal__V1__ReplayBatch *last);
void restore_ask(struct broker *broker);

/* The end: nothing is asked any more. */
void restore_drain(struct broker *broker);

/* What the record "open" says of that; it points into the broker. */
void restore_fill_open(struct broker *broker, KeyRecord *open);
void restore_deinit(struct broker *broker);

/* The journal waits for a confirmation, or for the token's answer. */
bool restore_needed(const struct broker *broker);

/* Why nothing is served then: for a peer (static), and for Status (until the broker's next turn). */
const char *restore_refusal(const struct broker *broker);
const char *restore_why(const struct broker *broker);

/* Fill request->reply with what an operator must see. Returns STATUS_OK or -ENOMEM. */
int restore_reply(struct request *request);
