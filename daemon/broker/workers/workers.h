/*
 * Jobs to the token workers. Use workers share one queue and have a few jobs each in their sockets; the manage worker
 * is started on demand and has a queue of its own and one job at a time. Each job is answered exactly once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "base/list.h"
#include "base/queue.h"
#include "daemon/broker/base/names.h"
#include "daemon/shared/executing.h"

enum { MANAGE_QUEUE_MAX = 64 };

struct broker;

/* Embedded in what waits for the answer. */
struct job {
	struct link link;
	uint64_t id;     /* from workers_job_id(), the same as in the packed message */
	uint8_t *packed; /* a Job, in locked memory if it holds a CEK; stays until done */
	size_t len;
	uint32_t uid;    /* whose; 0 for changes of keys and the broker's own */
	bool queued;     /* in a queue or at a worker */
	struct queue *queue; /* in which it waits; NULL at a worker */
	unsigned lost;   /* workers that went while it was at them */
	bool in_parts;   /* an inventory: may be answered by several results, all but the last with more */
	uint32_t parts;  /* that have come */
	/* NULL: the worker died of it, or there will be none. Called once; for what is answered in parts, at each of
	 * them. */
	void (*done)(struct job *job, const JobResult *result);
};

struct worker {
	struct link link;
	struct broker *broker;
	int fd;
	const struct executing *executing;
	struct event readable, writable;
	bool manage;
	uint32_t index, generation;
	int32_t pid;
	bool ready;      /* has said hello */
	bool replacing;  /* its successor was asked for */
	bool broke_rules;
	bool leaving;    /* the successor is there: gets no more jobs, closed when it has answered */
	struct link jobs; /* oldest first */
	uint32_t n_jobs;
	uint32_t unsent; /* the last ones of jobs */
	uint64_t done, memory;
	WorkerHello *hello;
};

struct workers {
	struct link all;     /* use workers and the manage worker */
	struct queue queue;  /* jobs for a use worker */
	struct queue manage_queue;
	bool manage_wanted;
	uint64_t next_id;
	bool hopeless;       /* cekd does not start any more: wrong PIN */
	char why[200];       /* of the last worker that went */
};

void workers_init(struct broker *broker);
void workers_deinit(struct broker *broker);

/* cekd started a worker; fd is ours now, the page of executing.h stays the caller's. 0 or -errno. */
int workers_up(struct broker *broker, int fd, int executing, const Cek__Internal__V1__WorkerUp *up);
void workers_gone(struct broker *broker, const Cek__Internal__V1__WorkerGone *gone);

uint64_t workers_job_id(struct broker *broker);

/* Queue a job for the next free use worker, or the manage worker. 0; -ENOBUFS when the queue is full; -ENETDOWN when no
 * worker is there and none will come. */
int workers_submit(struct broker *broker, struct job *job);
int workers_manage(struct broker *broker, struct job *job);

/* Take a job back that has not started: true, and done will not be called. */
bool workers_cancel(struct job *job);

/* Tell all use workers to drop what they hold of an object. */
void workers_forget(struct broker *broker, const uint8_t *cka_id, size_t len);

/* Give out and send; at the end of each turn. */
void workers_flush(struct broker *broker);

bool workers_ready(const struct broker *broker);
bool workers_idle(const struct broker *broker);

/* What the token can do, as the youngest worker said; NULL before the first hello. */
const WorkerHello *workers_hello(const struct broker *broker);
