/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job for a token worker, embedded in what waits for the answer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/queue.h"
#include "daemon/broker/base/names.h"
#include "proto/job_sequence.h"

struct job {
	struct link link;
	uint64_t id;     /* from workers_job_id(), the same as in the packed message */
	uint8_t *packed; /* a Job, in locked memory if it holds a CEK; stays until done */
	size_t len;
	uint32_t uid;                 /* whose; 0 for changes of keys and the broker's own */
	bool queued;                  /* in a queue or at a worker */
	struct queue *queue;          /* in which it waits; NULL at a worker */
	unsigned lost;                /* workers that went while it was at them */
	bool given;                   /* a worker has had it, perhaps one that is gone */
	struct job_sequence sequence; /* with its operation, which says whether it is answered in parts */
	/* NULL: the worker died of it, or there will be none. Called once; for what is answered in parts, at each of
	 * them. */
	void (*done)(struct job *job, const JobResult *result);
};

/* Nobody is at it, any more. */
void job_wait(struct job *job);

/* At the end of the queue. */
void job_enqueue(struct job *job, struct queue *queue);

/* The next job of a queue, taken out of it; NULL if none waits. */
struct job *job_dequeue(struct queue *queue);

/* Take back a job that has not started: true, and done will not be called. False: it waits in no queue, or is at a
 * worker. */
bool job_cancel(struct job *job);

/* Out of its list, and answered. */
void job_end(struct job *job, const JobResult *result);

/* There will be no worker for any of them. */
void job_fail_all(struct queue *queue);
