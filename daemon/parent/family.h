/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The children of cekd and their slots, as data: what starting, news and the stop all describe. Whoever changes
 * something that may call for the next step says so by changed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/parent/children.h"
#include "daemon/parent/config/config.h"
#include "proto/sequence.h"

struct event;
struct event_base;

/* A use worker and, for a while, its successor: the old one serves until the broker has taken over the new one. */
struct slot {
	struct child child[2];
	unsigned now;    /* which of them is the current one; the other is the old one while it has a process */
	unsigned starts; /* of both */
};

struct family {
	struct event_base *base;
	struct event *timer;          /* the next start that is due */
	void (*changed)(void *owner); /* a child sent something, or is due */
	void *owner;

	struct child journal;
	struct child broker;
	unsigned broker_runs;
	struct child manage;
	bool manage_wanted;
	unsigned manage_starts;
	struct slot slots[CONFIG_WORKERS_MAX];
	unsigned n_slots;

	uint64_t broken[SEQUENCE_PAIRS]; /* how often the rules between the processes were; the broker tells it */
};

/* Nobody runs yet. 0 or -ENOMEM; family_deinit() in both cases. */
int family_init(struct family *family, struct event_base *base, unsigned n_slots, void (*changed)(void *owner),
	void *owner);
void family_deinit(struct family *family);

/* Call f for each child that has a process. */
void family_each(struct family *family, void (*f)(struct family *, struct child *, void *), void *data);

/* The one with this process; NULL if it is none of cekd's. */
struct child *family_find(struct family *family, pid_t pid);

/* Call changed at that time at the latest (monotonic). */
void family_wake(struct family *family, uint64_t when_us, uint64_t now_us);
