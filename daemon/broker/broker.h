/*
 * All that the broker knows, in one place: the parts below have one broker and no global variables.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/pool.h"
#include "base/wipe.h"
#include "daemon/broker/base/names.h"
#include "daemon/broker/base/turn.h"
#include "daemon/broker/context/metrics.h"
#include "daemon/broker/journal/audit.h"
#include "daemon/broker/journal/journal.h"
#include "daemon/broker/lifecycle/restore.h"
#include "daemon/broker/lifecycle/steps.h"
#include "daemon/broker/net/server.h"
#include "daemon/broker/policy/policy.h"
#include "daemon/broker/policy/quota.h"
#include "daemon/broker/ring/ring.h"
#include "daemon/broker/workers/workers.h"

enum { WARNINGS_MAX = 32 }; /* in a Status; the last one counts those that did not fit */

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
	uint64_t rules_since;  /* real time: tells those in force from those before */
	struct ring ring;
	struct quota quota;
	struct metrics metrics;
	struct journal journal;
	struct audit audit;
	struct workers workers;
	struct server server;
	struct steps steps;
	struct restore restore;
	struct pool requests;
	struct pool chunks;    /* parts of frames, in and out */
	/* cekd: */
	int control;
	struct event control_event, alive_event;
	char sandbox[256];
	uint64_t started;      /* real time */
	uint64_t epoch_told;   /* to the watchers */
	bool told_ready;
	size_t told_keys;
	bool ready_sent;       /* Ready went to cekd */
	char told[200];
	bool usage_flushed;
	int exit_status;
};

/* Set up all parts. setup and fds are what came from cekd: the journal's pair, then a descriptor for each listener;
 * they belong to the broker from now on, also after an error. 0 or -errno, with a reason in ret_why. */
int broker_init(struct broker *broker, const Cek__Internal__V1__BrokerSetup *setup, int control, const int *fds,
	size_t n_fds,
	char *ret_why, size_t why_size);
void broker_deinit(struct broker *broker);

/* Run until drained or told to stop. Returns the exit status. */
int broker_run(struct broker *broker);

/* One turn: wait for events if wait is set, handle them, then dispatch, record, reply. False when it is over. */
bool broker_turn(struct broker *broker, bool wait);

/* Requests other than Status and Metrics can be served: the ring is there and the journal writes. */
bool broker_serving(const struct broker *broker);

/* A real unwrap worked on at least one worker and the journal is well; otherwise *ret_why says what is missing
 * (until the next turn). */
bool broker_ready(const struct broker *broker, const char **ret_why);

/* Rules of cekd.conf, at start and after SIGHUP. 0 or -errno with a reason; then the old ones stay. */
int broker_set_rules(struct broker *broker, Rule *const *rules, size_t n_rules, char *ret_why, size_t why_size);

/* Limits; those that are 0 take their defaults. */
void broker_set_limits(struct broker *broker, const Limits *limits);

/* Accept and read nothing more, answer what was accepted, then stop. */
void broker_drain(struct broker *broker);

/* Cannot go on: say so to cekd and stop. */
void broker_fail(struct broker *broker, int failing_class, const char *why);
