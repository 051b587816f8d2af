/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One token worker, and what all of them have in common. Use workers share one queue and have a few jobs each in their
 * sockets; the manage worker is started on demand and has a queue of its own and one job at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "base/list.h"
#include "base/queue.h"
#include "daemon/broker/base/late.h"
#include "daemon/broker/base/names.h"
#include "daemon/broker/base/turn.h"
#include "daemon/shared/executing.h"
#include "proto/sequence.h"

struct worker {
	struct link link;
	struct workers *workers;
	int fd;
	const struct executing *executing;
	struct event readable, writable;
	bool manage;
	uint32_t index, generation;
	int32_t pid;
	bool ready;               /* has said hello */
	bool replacing;           /* its successor was asked for */
	struct sequence sequence; /* what it may say */
	bool broke_rules;
	bool leaving;     /* the successor is there: gets no more jobs, closed when it has answered */
	struct link jobs; /* oldest first */
	uint32_t n_jobs;
	uint32_t unsent; /* the last ones of jobs */
	uint64_t done, memory;
	uint64_t heard_us; /* by the pulse: when it last sent anything */
	uint64_t owed_us;  /* by the pulse: since when it does what it was last seen to do */
	struct {
		uint64_t oldest, begun; /* ids of jobs */
		uint64_t allowed_us;
	} seen;
	struct late late; /* then it gets no more jobs */
	WorkerHello *hello;
};

struct workers_events {
	/* Ask for a worker: the manage worker, or one that replaces a use worker. False: ask again later. */
	bool (*want)(void *owner, bool manage, uint32_t index, uint32_t generation);
	/* This one broke the rules, or hangs: it is to be killed and replaced, since it may not end by itself. False:
	 * ask again later. */
	bool (*end)(void *owner, const struct worker *worker, const char *how, bool hung);
	/* A use worker has come, or knows of more that the token can do. */
	void (*ready)(void *owner);
};

/* A worker that was given up and is not killed, since it is inside a login: the last such one. */
struct stuck {
	int32_t pid; /* 0: none */
	bool manage;
	uint32_t index, generation;
	char since[WHEN_MAX];
};

struct workers {
	struct turn *turn;
	const struct workers_events *events;
	void *owner;
	struct link all;    /* use workers and the manage worker */
	struct queue queue; /* jobs for a use worker */
	struct queue manage_queue;
	bool manage_wanted;
	uint64_t next_id;
	uint32_t call_seconds; /* that a call of the token may take */
	struct stuck stuck;
	bool hopeless; /* cekd does not start any more: wrong PIN */
	bool away;     /* the last use worker that was started did not get ready */
	char why[200]; /* of the last worker that went */
};

void worker_free(struct worker *worker);

/* A worker went. The job that it was executing may be what killed it: it fails. The others have not begun, or their
 * results are lost, and are given out again; but what a manage worker that broke the rules did with its job is not
 * known. */
void worker_lost(struct worker *worker);

/* Nobody believes another's sequence. A worker that breaks it is ended: cekd kills it, and the caller takes its jobs.
 * Returns false. */
bool worker_broke_the_rules(struct worker *worker, const char *how);

bool workers_ready(const struct workers *workers);
/* None is ready, and the next one is not expected at once: who asks is told, and does not wait. */
bool workers_unavailable(const struct workers *workers);
bool workers_idle(const struct workers *workers);

/* What the token can do, as the youngest worker said; NULL before the first hello. */
const WorkerHello *workers_hello(const struct workers *workers);
