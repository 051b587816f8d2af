/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs on their way to the workers. Each is answered exactly once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/broker/workers/job.h"
#include "daemon/broker/workers/worker.h"

enum { MANAGE_QUEUE_MAX = 64 };

uint64_t workers_job_id(struct workers *workers);

/* Queue a job for the next free use worker. 0; -ENOBUFS when the queue is full; -ENETDOWN when no worker is there and
 * none will come. */
int workers_submit(struct workers *workers, struct job *job);

/* Queue one for the manage worker, for which cekd is asked; if there can be none it fails. 0; -ENOBUFS. */
int workers_manage(struct workers *workers, struct job *job);

/* Tell all use workers to drop what they hold of an object. */
void workers_forget(struct workers *workers, const uint8_t *cka_id, size_t len);

/* Give out and send; at the end of each turn. */
void workers_flush(struct workers *workers);
