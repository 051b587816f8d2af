/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request waits for: a job at a worker, or its turn behind a key.
 */
#pragma once

#include "daemon/broker/context/context.h"
#include "daemon/broker/request/request.h"

/* Queue the job in request->packed for a use worker. Returns STATUS_PENDING or a status. */
int request_submit(struct request *request, const Job *job);

/* The same for the manage worker; without secrets. */
int request_submit_manage(struct request *request, const Job *job);

/* Park behind the key, with the job as it is so far, until a reservation or a rotation is through. Returns
 * STATUS_PENDING or -errno. */
int request_park(struct request *request, const Job *job, struct key *key, int (*unpark)(struct request *request));
void request_unpark_all(struct broker *broker, struct key *key);
