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
#include "daemon/broker/base/timers.h"
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

enum {
	ARENA_SIZE = 524288,  /* one decoded message and the reply made from it; more than that fails to decode */
	INPUT_SIZE = 98304,   /* a frame that came in parts (64 KiB) and one more read */
	WARNINGS_MAX = 32, /* in a Status; the last one counts those that did not fit */
};

struct broker {
	struct event_base *base;
	uint64_t now;          /* monotonic; each event's handler looks at the clock first (broker_look_at_clock) */
	/* From Setup: */
	uint64_t gcm_wrap_limit;
	uint32_t destroy_wait, destroy_wait_min;
	uint32_t skew;
	uint32_t usage_seconds;
	uint32_t use_workers;
	bool split_uids;
	char *version;
	Limits limits;
	size_t output_per_user; /* bytes of replies that a user has not read, over all its connections */
	/* Parts: */
	struct policy policy;
	uint64_t rules_since;  /* real time: tells those in force from those before */
	struct ring ring;
	struct quota quota;
	struct metrics metrics;
	struct timers timers;
	struct event tick;     /* turns the timers while there are any */
	struct journal journal;
	struct audit audit;
	struct workers workers;
	struct server server;
	struct steps steps;
	struct restore restore;
	/* Locked memory: */
	struct arena arena;    /* reset after each message */
	struct arena buffers;  /* holds the three below */
	uint8_t *input;        /* INPUT_SIZE: what was read from a peer */
	uint8_t *datagram;     /* DGRAM_MAX: what was read from a process */
	uint8_t *frame;        /* FRAME_HEADER + FRAME_BODY_MAX: a large reply */
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
	bool draining, usage_flushed, stop;
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

/* At the beginning of each event's handler. */
void broker_look_at_clock(struct broker *broker);

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
