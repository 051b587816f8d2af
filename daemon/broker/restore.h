/*
 * A key journal that was copied, or restored from a backup, may be older than the life of its keys: it could bring back
 * a version that was compromised since. Until an operator confirms it, cekd serves no CEK and takes no step by itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/broker/names.h"
#include "daemon/broker/request.h"

struct broker;
struct change;

enum { RESTORE_LATER_MAX = 16 };

struct restore {
	char why[200];
	char file[80];    /* which file the journal is */
	char *later[RESTORE_LATER_MAX]; /* changes that only the audit journal knows */
	size_t n_later;
};

/* The last part of the replay has come and the ring is folded: is this the file that cekd wrote last? */
void restore_look(struct broker *broker, const Cek__Internal__V1__ReplayBatch *last);

/* What the record "open" says of that; it points into the broker. */
void restore_fill_open(struct broker *broker, KeyRecord *open);
void restore_deinit(struct broker *broker);

/* The journal waits for a confirmation. */
bool restore_needed(const struct broker *broker);

/* Fill request->reply with what an operator must see. Returns STATUS_OK or -ENOMEM. */
int restore_reply(struct request *request);
