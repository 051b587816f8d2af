/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one of cekd's processes may say to another now. Nobody believes another's sequence: whatever comes is held
 * against a table before anything is done with it (sequence_tables.c has one a pair and direction), and who breaks it
 * is ended, logged and counted. Looks up and compares; allocates nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

enum {
	SEQUENCE_HOW_MAX = 128, /* bytes of what somebody did, with NUL */
	SEQUENCE_STATES = 7,
	SEQUENCE_KINDS = 32,
	SEQUENCE_QUESTIONS = 3,   /* kinds of them, from 1 */
	SEQUENCE_OPEN_MAX = 1000, /* questions of a kind; later ones are not counted */
};

/* Who broke the rules towards whom, as it is counted (Broken in internal.proto). */
enum sequence_pair {
	SEQUENCE_WORKER_TO_BROKER,
	SEQUENCE_BROKER_TO_WORKER,
	SEQUENCE_JOURNAL_TO_BROKER,
	SEQUENCE_BROKER_TO_JOURNAL,
	SEQUENCE_WORKER_TO_CEKD,
	SEQUENCE_BROKER_TO_CEKD,
	SEQUENCE_JOURNAL_TO_CEKD,
	SEQUENCE_CEKD_TO_WORKER,
	SEQUENCE_CEKD_TO_BROKER,
	SEQUENCE_CEKD_TO_JOURNAL,
	SEQUENCE_HEIR_TO_CEKD,
	SEQUENCE_PAIRS, /* in a table: nobody counts, for one of the two ends at that */
};

/* One message in one state. Zeroed: it may not come. */
struct sequence_rule {
	uint8_t next;    /* the state after it */
	uint8_t fds;     /* descriptors that come with it, exactly */
	bool stale;      /* it was meant for an earlier process at this end: to be dropped */
	uint8_t answers; /* a question of this kind, of which one must be open; 0: none */
	uint8_t asks;    /* of what is sent: a question of this kind; 0: it is none */
	uint16_t parts;  /* of a job: by so many results it may be answered before the last one */
};

struct sequence_table {
	enum sequence_pair pair;
	const ProtobufCMessageDescriptor *message; /* whose oneof has the kinds: a kind is the number of its field */
	const char *const *others;                 /* names of kinds that have no field; NULL: there are none */
	const char *states[SEQUENCE_STATES];       /* "while it starts"; state 0: it has broken the rules */
	struct sequence_rule came[SEQUENCE_STATES][SEQUENCE_KINDS];
	struct sequence_rule went[SEQUENCE_STATES][SEQUENCE_KINDS]; /* what this end sends; zeroed: changes nothing */
};

/* One end of a pair. */
struct sequence {
	const struct sequence_table *table;
	uint8_t state;
	uint16_t open[SEQUENCE_QUESTIONS];
};

enum sequence_verdict {
	SEQUENCE_FITS,
	SEQUENCE_STALE, /* nobody's fault: drop it */
	SEQUENCE_BROKEN,
};

void sequence_init(struct sequence *sequence, const struct sequence_table *table, unsigned state);

/* A message of this kind came with so many descriptors. If it breaks the rules, how says what the sender did ("sent
 * \"hello\" while it serves"), and the state is 0. */
enum sequence_verdict sequence_take(struct sequence *sequence, unsigned kind, size_t n_fds,
	char ret_how[SEQUENCE_HOW_MAX]);

/* What came is no message. Returns SEQUENCE_BROKEN. */
enum sequence_verdict sequence_no_message(struct sequence *sequence, char ret_how[SEQUENCE_HOW_MAX]);

/* What came is a message, but says what cannot be. Returns SEQUENCE_BROKEN. */
enum sequence_verdict sequence_cannot_be(struct sequence *sequence, const char *what, char ret_how[SEQUENCE_HOW_MAX]);

/* The name of a kind of this table, for messages and tests. */
const char *sequence_kind_name(const struct sequence_table *table, unsigned kind);

/* This end has sent a message of this kind. */
void sequence_sent(struct sequence *sequence, unsigned kind);

/* "worker_to_broker" */
const char *sequence_pair_name(enum sequence_pair pair);
