/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables, one a pair and direction, each with the states of the end that reads.
 */
#pragma once

#include "proto/sequence.h"

/* A process that starts, and serves. */
enum { CHILD_STARTS = 1, CHILD_SERVES, CHILD_DRAINS, CHILD_ACCUSED };

/* Read by the broker. */
extern const struct sequence_table sequence_worker_to_broker; /* from CHILD_STARTS */
extern const struct sequence_table sequence_cekd_to_broker;   /* from CHILD_SERVES */

/* Of FromJournal; what is not the answer that is due has a kind of its own. CONDEMNED: cekd was told to end it. */
enum { JOURNAL_ASKED = 1, JOURNAL_TELLS, JOURNAL_CONDEMNED };
enum { FROM_JOURNAL_OTHER_REPLAY = 29, FROM_JOURNAL_OTHER_APPENDED, FROM_JOURNAL_OTHER_STATE };
extern const struct sequence_table sequence_journal_to_broker;

/* Read by workers: a kind is Job.op_case. This is the table of operations: which worker gets which, and by how many
 * results it is answered. */
enum { TO_USE_WORKER = 1, TO_MANAGE_WORKER };
extern const struct sequence_table sequence_broker_to_worker;
enum { ASKED_PIN = 1 };                                     /* what workers ask cekd */
extern const struct sequence_table sequence_cekd_to_worker; /* from CHILD_SERVES */

/* Read by the journal. ACCUSED: cekd was told that the broker broke the rules; the next one begins with Replay. */
enum { BROKER_UNHEARD = 1, BROKER_ASKS, BROKER_APPENDS, BROKER_STANDS_BY, BROKER_WAITS, BROKER_ACCUSED };
extern const struct sequence_table sequence_broker_to_journal;
enum { JOURNAL_STANDS_BY = 4 }; /* beside CHILD_SERVES and CHILD_DRAINS */
extern const struct sequence_table sequence_cekd_to_journal;

/* Read by cekd. Questions: */
enum { ASKED_ALIVE = 1, ASKED_RELOAD };
extern const struct sequence_table sequence_broker_to_cekd;
extern const struct sequence_table sequence_journal_to_cekd;
extern const struct sequence_table sequence_worker_to_cekd;
extern const struct sequence_table sequence_checked_to_cekd; /* cekd --check: one word, and the end */

/* A hand-over: read by the cekd that serves, and by its heir. */
enum { HEIR_PREPARING = 1, HEIR_STANDING_BY, HEIR_GOING, HEIR_SERVING, HEIR_INHERITING };
extern const struct sequence_table sequence_heir_to_cekd;
extern const struct sequence_table sequence_cekd_to_heir;
