/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sequence_tables.h"

#include "proto/internal.pb-c.h"

#define CONTROL(name) CEK__INTERNAL__V1__CONTROL__WHAT_##name
#define FROM_WORKER(name) CEK__INTERNAL__V1__FROM_WORKER__WHAT_##name
#define FROM_JOURNAL(name) CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_##name
#define TO_JOURNAL(name) CEK__INTERNAL__V1__TO_JOURNAL__WHAT_##name
#define JOB(name) CEK__INTERNAL__V1__JOB__OP_##name
#define HEIR(name) CEK__INTERNAL__V1__HEIR__WHAT_##name
#define HAND_OVER(name) CEK__INTERNAL__V1__HAND_OVER__WHAT_##name

#define CHILD_STATES                                                                                     \
	{                                                                                                \
		[CHILD_STARTS] = "while it starts", [CHILD_SERVES] = "while it serves",                  \
		[CHILD_DRAINS] = "after the order to end", [CHILD_ACCUSED] = "after it accused another", \
	}

/* ---- workers and broker ------------------------------------------------------------------------------------------ */

const struct sequence_table sequence_worker_to_broker = {
	.pair = SEQUENCE_WORKER_TO_BROKER,
	.message = &cek__internal__v1__from_worker__descriptor,
	.states = {[CHILD_STARTS] = "before its hello", [CHILD_SERVES] = "while it serves"},
	.came[CHILD_STARTS][FROM_WORKER(HELLO)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][FROM_WORKER(RESULT)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][FROM_WORKER(RESULTS)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][FROM_WORKER(NEWS)] = {.next = CHILD_SERVES},
};

const struct sequence_table sequence_broker_to_worker = {
	.pair = SEQUENCE_BROKER_TO_WORKER,
	.message = &cek__internal__v1__job__descriptor,
	.states = {[TO_USE_WORKER] = "to a use worker", [TO_MANAGE_WORKER] = "to the manage worker"},
	.came[TO_USE_WORKER][JOB(UNWRAP)] = {.next = TO_USE_WORKER},
	.came[TO_USE_WORKER][JOB(WRAP)] = {.next = TO_USE_WORKER},
	.came[TO_USE_WORKER][JOB(REWRAP)] = {.next = TO_USE_WORKER},
	.came[TO_USE_WORKER][JOB(FORGET)] = {.next = TO_USE_WORKER},
	.came[TO_MANAGE_WORKER][JOB(GENERATE)] = {.next = TO_MANAGE_WORKER},
	.came[TO_MANAGE_WORKER][JOB(IMPORT)] = {.next = TO_MANAGE_WORKER},
	.came[TO_MANAGE_WORKER][JOB(ADOPT)] = {.next = TO_MANAGE_WORKER},
	.came[TO_MANAGE_WORKER][JOB(DESTROY)] = {.next = TO_MANAGE_WORKER},
	.came[TO_MANAGE_WORKER][JOB(TRANSPORT)] = {.next = TO_MANAGE_WORKER},
	.came[TO_MANAGE_WORKER][JOB(INVENTORY)] = {.next = TO_MANAGE_WORKER, .parts = 4096},
};

/* ---- journal and broker ------------------------------------------------------------------------------------------ */

static const char *const answers_to_others[SEQUENCE_KINDS] = {
	[FROM_JOURNAL_OTHER_REPLAY] = "replay of another question",
	[FROM_JOURNAL_OTHER_APPENDED] = "appended of another append",
	[FROM_JOURNAL_OTHER_STATE] = "state of one that was to end",
};

/* The pair outlives both of them. Until the first answer to a question of this broker, answers to an earlier one may
 * come; audit records pass by the others, so that their acknowledgement may come late (it names the instance). */
const struct sequence_table sequence_journal_to_broker = {
	.pair = SEQUENCE_JOURNAL_TO_BROKER,
	.message = &cek__internal__v1__from_journal__descriptor,
	.others = answers_to_others,
	.states = {[JOURNAL_ASKED] = "before it answered",
		[JOURNAL_TELLS] = "while it serves",
		[JOURNAL_CONDEMNED] = "after it broke the rules"},
	.came[JOURNAL_ASKED][FROM_JOURNAL(REPLAY)] = {.next = JOURNAL_TELLS},
	.came[JOURNAL_ASKED][FROM_JOURNAL(AUDIT_DONE)] = {.next = JOURNAL_ASKED},
	.came[JOURNAL_ASKED][FROM_JOURNAL(STATE)] = {.next = JOURNAL_ASKED},
	.came[JOURNAL_ASKED][FROM_JOURNAL(ROOM)] = {.next = JOURNAL_ASKED},
	.came[JOURNAL_ASKED][FROM_JOURNAL(BUSY)] = {.next = JOURNAL_ASKED},
	.came[JOURNAL_ASKED][FROM_JOURNAL_OTHER_REPLAY] = {.next = JOURNAL_ASKED, .stale = true},
	.came[JOURNAL_ASKED][FROM_JOURNAL_OTHER_APPENDED] = {.next = JOURNAL_ASKED, .stale = true},
	.came[JOURNAL_ASKED][FROM_JOURNAL_OTHER_STATE] = {.next = JOURNAL_ASKED},
	.came[JOURNAL_TELLS][FROM_JOURNAL(REPLAY)] = {.next = JOURNAL_TELLS},
	.came[JOURNAL_TELLS][FROM_JOURNAL(APPENDED)] = {.next = JOURNAL_TELLS},
	.came[JOURNAL_TELLS][FROM_JOURNAL(AUDIT_DONE)] = {.next = JOURNAL_TELLS},
	.came[JOURNAL_TELLS][FROM_JOURNAL(STATE)] = {.next = JOURNAL_TELLS},
	.came[JOURNAL_TELLS][FROM_JOURNAL(ROOM)] = {.next = JOURNAL_TELLS},
	.came[JOURNAL_TELLS][FROM_JOURNAL(BUSY)] = {.next = JOURNAL_TELLS},
	.came[JOURNAL_TELLS][FROM_JOURNAL_OTHER_STATE] = {.next = JOURNAL_TELLS},
	/* Its successor begins with its state. */
	.came[JOURNAL_CONDEMNED][FROM_JOURNAL(REPLAY)] = {.next = JOURNAL_CONDEMNED, .stale = true},
	.came[JOURNAL_CONDEMNED][FROM_JOURNAL(APPENDED)] = {.next = JOURNAL_CONDEMNED, .stale = true},
	.came[JOURNAL_CONDEMNED][FROM_JOURNAL(AUDIT_DONE)] = {.next = JOURNAL_CONDEMNED, .stale = true},
	.came[JOURNAL_CONDEMNED][FROM_JOURNAL(STATE)] = {.next = JOURNAL_ASKED},
	.came[JOURNAL_CONDEMNED][FROM_JOURNAL(ROOM)] = {.next = JOURNAL_CONDEMNED, .stale = true},
	.came[JOURNAL_CONDEMNED][FROM_JOURNAL(BUSY)] = {.next = JOURNAL_CONDEMNED, .stale = true},
	.came[JOURNAL_CONDEMNED][FROM_JOURNAL_OTHER_REPLAY] = {.next = JOURNAL_CONDEMNED, .stale = true},
	.came[JOURNAL_CONDEMNED][FROM_JOURNAL_OTHER_APPENDED] = {.next = JOURNAL_CONDEMNED, .stale = true},
	.came[JOURNAL_CONDEMNED][FROM_JOURNAL_OTHER_STATE] = {.next = JOURNAL_CONDEMNED, .stale = true},
};

/* What waited in the pair for an earlier journal may be an append; its broker asks, and sends it again. One append at a
 * time; audit records at any. */
const struct sequence_table sequence_broker_to_journal = {
	.pair = SEQUENCE_BROKER_TO_JOURNAL,
	.message = &cek__internal__v1__to_journal__descriptor,
	.states = {[BROKER_UNHEARD] = "before it asked",
		[BROKER_ASKS] = "while it serves",
		[BROKER_APPENDS] = "while another one was under way",
		[BROKER_STANDS_BY] = "while it stands by",
		[BROKER_WAITS] = "while it stands by",
		[BROKER_ACCUSED] = "after it broke the rules"},
	.came[BROKER_UNHEARD][TO_JOURNAL(REPLAY)] = {.next = BROKER_ASKS},
	.came[BROKER_UNHEARD][TO_JOURNAL(APPEND_KEY)] = {.next = BROKER_UNHEARD, .stale = true},
	.came[BROKER_UNHEARD][TO_JOURNAL(AUDIT)] = {.next = BROKER_UNHEARD},
	.came[BROKER_ASKS][TO_JOURNAL(REPLAY)] = {.next = BROKER_ASKS},
	.came[BROKER_ASKS][TO_JOURNAL(APPEND_KEY)] = {.next = BROKER_APPENDS},
	.came[BROKER_ASKS][TO_JOURNAL(AUDIT)] = {.next = BROKER_ASKS},
	.came[BROKER_APPENDS][TO_JOURNAL(REPLAY)] = {.next = BROKER_APPENDS},
	.came[BROKER_APPENDS][TO_JOURNAL(AUDIT)] = {.next = BROKER_APPENDS},
	/* Once: another broker would have another journal. */
	.came[BROKER_STANDS_BY][TO_JOURNAL(REPLAY)] = {.next = BROKER_WAITS},
	.came[BROKER_ACCUSED][TO_JOURNAL(REPLAY)] = {.next = BROKER_ASKS},
	.came[BROKER_ACCUSED][TO_JOURNAL(APPEND_KEY)] = {.next = BROKER_ACCUSED, .stale = true},
	.came[BROKER_ACCUSED][TO_JOURNAL(AUDIT)] = {.next = BROKER_ACCUSED},
	.went[BROKER_APPENDS][FROM_JOURNAL(APPENDED)] = {.next = BROKER_ASKS},
};

/* ---- cekd and its children --------------------------------------------------------------------------------------- */

const struct sequence_table sequence_cekd_to_broker = {
	.pair = SEQUENCE_CEKD_TO_BROKER,
	.message = &cek__internal__v1__control__descriptor,
	.states = CHILD_STATES,
	.came[CHILD_SERVES][CONTROL(WORKER_UP)] = {.next = CHILD_SERVES, .fds = 2},
	.came[CHILD_SERVES][CONTROL(WORKER_GONE)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][CONTROL(DRAIN)] = {.next = CHILD_DRAINS},
	.came[CHILD_SERVES][CONTROL(RELOAD)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][CONTROL(ARE_YOU_THERE)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][CONTROL(BROKEN)] = {.next = CHILD_SERVES},
	.came[CHILD_DRAINS][CONTROL(WORKER_UP)] = {.next = CHILD_DRAINS, .fds = 2},
	.came[CHILD_DRAINS][CONTROL(WORKER_GONE)] = {.next = CHILD_DRAINS},
	.came[CHILD_DRAINS][CONTROL(RELOAD)] = {.next = CHILD_DRAINS},
	.came[CHILD_DRAINS][CONTROL(ARE_YOU_THERE)] = {.next = CHILD_DRAINS},
	.came[CHILD_DRAINS][CONTROL(BROKEN)] = {.next = CHILD_DRAINS},
};

const struct sequence_table sequence_cekd_to_journal = {
	.pair = SEQUENCE_CEKD_TO_JOURNAL,
	.message = &cek__internal__v1__control__descriptor,
	.states = {[CHILD_SERVES] = "while it serves",
		[CHILD_DRAINS] = "after the order to end",
		[JOURNAL_STANDS_BY] = "while it stands by"},
	.came[JOURNAL_STANDS_BY][CONTROL(ARE_YOU_THERE)] = {.next = JOURNAL_STANDS_BY},
	.came[JOURNAL_STANDS_BY][CONTROL(TAKE_OVER)] = {.next = CHILD_SERVES},
	.came[JOURNAL_STANDS_BY][CONTROL(DRAIN)] = {.next = CHILD_DRAINS},
	.came[JOURNAL_STANDS_BY][CONTROL(RELOAD)] = {.next = JOURNAL_STANDS_BY},
	.came[CHILD_SERVES][CONTROL(ARE_YOU_THERE)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][CONTROL(RELOAD)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][CONTROL(DRAIN)] = {.next = CHILD_DRAINS},
	.came[CHILD_DRAINS][CONTROL(ARE_YOU_THERE)] = {.next = CHILD_DRAINS},
	.came[CHILD_DRAINS][CONTROL(RELOAD)] = {.next = CHILD_DRAINS},
};

const struct sequence_table sequence_cekd_to_worker = {
	.pair = SEQUENCE_CEKD_TO_WORKER,
	.message = &cek__internal__v1__control__descriptor,
	.states = CHILD_STATES,
	.came[CHILD_SERVES][CONTROL(DRAIN)] = {.next = CHILD_DRAINS},
	/* With a descriptor or without one, which is looked at where it is taken. */
	.came[CHILD_SERVES][CONTROL(PIN)] = {.next = CHILD_SERVES, .answers = ASKED_PIN},
	.came[CHILD_DRAINS][CONTROL(PIN)] = {.next = CHILD_DRAINS, .answers = ASKED_PIN},
	.went[CHILD_SERVES][CONTROL(WANT_PIN)] = {.next = CHILD_SERVES, .asks = ASKED_PIN},
	.went[CHILD_DRAINS][CONTROL(WANT_PIN)] = {.next = CHILD_DRAINS, .asks = ASKED_PIN},
};

/* Its state is told from the first turn on; the manage worker may be wanted before it is ready (is the token empty?).
 */
const struct sequence_table sequence_broker_to_cekd = {
	.pair = SEQUENCE_BROKER_TO_CEKD,
	.message = &cek__internal__v1__control__descriptor,
	.states = CHILD_STATES,
	.came[CHILD_STARTS][CONTROL(READY)] = {.next = CHILD_SERVES},
	.came[CHILD_STARTS][CONTROL(FAILING)] = {.next = CHILD_STARTS},
	.came[CHILD_STARTS][CONTROL(WANT_WORKER)] = {.next = CHILD_STARTS},
	.came[CHILD_STARTS][CONTROL(ALIVE)] = {.next = CHILD_STARTS, .answers = ASKED_ALIVE},
	.came[CHILD_STARTS][CONTROL(STATE)] = {.next = CHILD_STARTS},
	.came[CHILD_STARTS][CONTROL(END_JOURNAL)] = {.next = CHILD_STARTS},
	.came[CHILD_STARTS][CONTROL(RELOADED)] = {.next = CHILD_STARTS, .answers = ASKED_RELOAD},
	.came[CHILD_STARTS][CONTROL(BROKE)] = {.next = CHILD_ACCUSED},
	.came[CHILD_SERVES][CONTROL(FAILING)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][CONTROL(WANT_WORKER)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][CONTROL(ALIVE)] = {.next = CHILD_SERVES, .answers = ASKED_ALIVE},
	.came[CHILD_SERVES][CONTROL(STATE)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][CONTROL(END_WORKER)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][CONTROL(END_JOURNAL)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][CONTROL(RELOADED)] = {.next = CHILD_SERVES, .answers = ASKED_RELOAD},
	.came[CHILD_SERVES][CONTROL(BROKE)] = {.next = CHILD_ACCUSED},
	/* Its last turn. */
	.came[CHILD_ACCUSED][CONTROL(READY)] = {.next = CHILD_ACCUSED},
	.came[CHILD_ACCUSED][CONTROL(FAILING)] = {.next = CHILD_ACCUSED},
	.came[CHILD_ACCUSED][CONTROL(WANT_WORKER)] = {.next = CHILD_ACCUSED},
	.came[CHILD_ACCUSED][CONTROL(STATE)] = {.next = CHILD_ACCUSED},
	.went[CHILD_STARTS][CONTROL(ARE_YOU_THERE)] = {.next = CHILD_STARTS, .asks = ASKED_ALIVE},
	.went[CHILD_STARTS][CONTROL(RELOAD)] = {.next = CHILD_STARTS, .asks = ASKED_RELOAD},
	.went[CHILD_SERVES][CONTROL(ARE_YOU_THERE)] = {.next = CHILD_SERVES, .asks = ASKED_ALIVE},
	.went[CHILD_SERVES][CONTROL(RELOAD)] = {.next = CHILD_SERVES, .asks = ASKED_RELOAD},
};

/* One that accuses the broker goes on. */
const struct sequence_table sequence_journal_to_cekd = {
	.pair = SEQUENCE_JOURNAL_TO_CEKD,
	.message = &cek__internal__v1__control__descriptor,
	.states = CHILD_STATES,
	.came[CHILD_STARTS][CONTROL(READY)] = {.next = CHILD_SERVES},
	.came[CHILD_STARTS][CONTROL(FAILING)] = {.next = CHILD_STARTS},
	.came[CHILD_STARTS][CONTROL(ALIVE)] = {.next = CHILD_STARTS, .answers = ASKED_ALIVE},
	.came[CHILD_SERVES][CONTROL(FAILING)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][CONTROL(ALIVE)] = {.next = CHILD_SERVES, .answers = ASKED_ALIVE},
	.came[CHILD_SERVES][CONTROL(BROKE)] = {.next = CHILD_SERVES},
	.went[CHILD_STARTS][CONTROL(ARE_YOU_THERE)] = {.next = CHILD_STARTS, .asks = ASKED_ALIVE},
	.went[CHILD_SERVES][CONTROL(ARE_YOU_THERE)] = {.next = CHILD_SERVES, .asks = ASKED_ALIVE},
};

/* A worker that accuses the broker ends itself: then another one that was taken over can do so once only. */
const struct sequence_table sequence_worker_to_cekd = {
	.pair = SEQUENCE_WORKER_TO_CEKD,
	.message = &cek__internal__v1__control__descriptor,
	.states = CHILD_STATES,
	.came[CHILD_STARTS][CONTROL(READY)] = {.next = CHILD_SERVES},
	.came[CHILD_STARTS][CONTROL(FAILING)] = {.next = CHILD_STARTS},
	.came[CHILD_STARTS][CONTROL(WANT_PIN)] = {.next = CHILD_STARTS},
	.came[CHILD_STARTS][CONTROL(LOGIN_OVER)] = {.next = CHILD_STARTS},
	.came[CHILD_STARTS][CONTROL(BROKE)] = {.next = CHILD_ACCUSED},
	.came[CHILD_SERVES][CONTROL(FAILING)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][CONTROL(WANT_PIN)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][CONTROL(LOGIN_OVER)] = {.next = CHILD_SERVES},
	.came[CHILD_SERVES][CONTROL(BROKE)] = {.next = CHILD_ACCUSED},
	.came[CHILD_ACCUSED][CONTROL(FAILING)] = {.next = CHILD_ACCUSED},
};

const struct sequence_table sequence_checked_to_cekd = {
	.pair = SEQUENCE_PAIRS,
	.message = &cek__internal__v1__control__descriptor,
	.states = CHILD_STATES,
	.came[CHILD_STARTS][CONTROL(CHECKED)] = {.next = CHILD_SERVES},
	.came[CHILD_STARTS][CONTROL(FAILING)] = {.next = CHILD_SERVES},
};

/* ---- a hand-over ------------------------------------------------------------------------------------------------- */

const struct sequence_table sequence_heir_to_cekd = {
	.pair = SEQUENCE_HEIR_TO_CEKD,
	.message = &cek__internal__v1__heir__descriptor,
	.states = {[HEIR_PREPARING] = "while it prepares itself",
		[HEIR_STANDING_BY] = "while it stands by",
		[HEIR_GOING] = "while it takes over",
		[HEIR_SERVING] = "while it serves"},
	.came[HEIR_PREPARING][HEIR(STANDING_BY)] = {.next = HEIR_STANDING_BY},
	.came[HEIR_PREPARING][HEIR(FAILING)] = {.next = HEIR_PREPARING},
	.came[HEIR_STANDING_BY][HEIR(FAILING)] = {.next = HEIR_STANDING_BY},
	.came[HEIR_GOING][HEIR(SERVING)] = {.next = HEIR_SERVING},
	.came[HEIR_GOING][HEIR(FAILING)] = {.next = HEIR_GOING},
	.went[HEIR_STANDING_BY][HAND_OVER(GO)] = {.next = HEIR_GOING},
};

/* An heir gets an offer; its program, in place of the one that served, what there is. Their descriptors are counted
 * where they are taken: they depend on what is offered. */
const struct sequence_table sequence_cekd_to_heir = {
	.pair = SEQUENCE_PAIRS,
	.message = &cek__internal__v1__hand_over__descriptor,
	.states = {[HEIR_PREPARING] = "while it prepares itself",
		[HEIR_STANDING_BY] = "while it stands by",
		[HEIR_GOING] = "while it takes over",
		[HEIR_SERVING] = "before anything else",
		[HEIR_INHERITING] = "while it inherits"},
	.came[HEIR_SERVING][HAND_OVER(OFFER)] = {.next = HEIR_PREPARING},
	.came[HEIR_SERVING][HAND_OVER(INHERITANCE)] = {.next = HEIR_INHERITING},
	.came[HEIR_INHERITING][HAND_OVER(INHERITANCE)] = {.next = HEIR_INHERITING},
	.came[HEIR_STANDING_BY][HAND_OVER(GO)] = {.next = HEIR_GOING},
	.went[HEIR_PREPARING][HEIR(STANDING_BY)] = {.next = HEIR_STANDING_BY},
};
