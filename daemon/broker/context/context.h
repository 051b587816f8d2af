/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that the broker knows, in one place: the parts below have one broker and no global variables.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/pool.h"
#include "daemon/broker/base/turn.h"
#include "daemon/broker/context/metrics.h"
#include "daemon/broker/context/parts.h"
#include "daemon/broker/journal/audit.h"
#include "daemon/broker/journal/journal.h"
#include "daemon/broker/journal/restore.h"
#include "daemon/broker/net/net.h"
#include "daemon/broker/net/parent_link.h"
#include "daemon/broker/policy/policy.h"
#include "daemon/broker/policy/quota.h"
#include "daemon/broker/ring/ring.h"
#include "daemon/broker/workers/worker.h"

struct operation;

struct broker {
	struct turn turn;
	/* From Setup: */
	uint64_t gcm_wrap_limit;
	uint32_t destroy_wait, destroy_wait_min;
	uint32_t skew;
	uint32_t usage_seconds;
	uint32_t use_workers;
	bool split_uids;
	char *version;
	/* Parts: */
	struct policy policy;
	uint64_t rules_since; /* real time: tells those in force from those before */
	struct quota quota;
	struct ring ring;
	struct audit audit;
	struct journal journal;
	struct restore restore;
	struct workers workers;
	struct server server;
	struct parent_link parent;
	struct metrics metrics;
	uint64_t broken[SEQUENCE_PAIRS];    /* how often the rules between cekd's processes were, as cekd says */
	const struct operation *operations; /* the table */
	size_t n_operations;
	struct pool requests; /* locked memory */
	struct steps steps;
	struct asking asking;
	struct event beat; /* of the pulse */
	struct late late;  /* cekd */
	char why[128];     /* made by broker_ready() */
	char sandbox[256];
	uint64_t started;     /* real time */
	uint64_t epoch_told;  /* to the watchers */
	uint64_t quiet_until; /* monotonic: drain when no key is being changed, or then; 0: not asked to */
	bool usage_flushed;
	int exit_status;
};

/* Requests other than Status and Metrics can be served: the ring is there and the journal writes. */
static inline bool broker_serving(const struct broker *broker)
{
	return journal_serving(&broker->journal);
}

/* The journal waits for an operator, or for what the token says of it (restore.h). */
static inline bool broker_unconfirmed(const struct broker *broker)
{
	return restore_needed(&broker->restore, &broker->ring);
}

/* The clock was set by more than is believed: no step is taken by it. */
static inline bool broker_clock_jumped(const struct broker *broker)
{
	return broker->ring.clocks.jumped;
}

/* This version waits to be destroyed, and that may be earlier than it was meant to be: the machine was not up for so
 * long, or nobody has seen the time pass. */
static inline bool broker_waits_on(const struct broker *broker, const struct version *version)
{
	return version->state == STATE_WAITING &&
		(wait_doubtful(&version->wait, &broker->ring.clocks) ||
			!wait_over_up(&version->wait, &broker->ring.clocks, clock_boot_us()));
}

/* A real unwrap worked on at least one worker and the journal is well; otherwise *ret_why says what is missing
 * (until the next turn). */
bool broker_ready(struct broker *broker, const char **ret_why);

/* Not ready, and that may last: nobody should wait for it. ret_for: for what. */
bool broker_waiting(const struct broker *broker, const char **ret_for);
