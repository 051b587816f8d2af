/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes, takes over or destroys an object is done on the journal's word alone: its receipt for the intent of this
 * job (daemon/shared/receipt.h), which the broker passes on. So neither happens that is not written down, nor a
 * destruction before its time, whatever the broker wants.
 */
#pragma once

#include <stdbool.h>

#include "daemon/token/probe/worker.h"
#include "proto/internal.pb-c.h"

/* The key, out of the descriptor that cekd gave, which is closed. 0 or -errno. Without it there are no such jobs. */
int receipts_open(int fd);

/* May this job be done? A job that changes nothing may. False with the refusal in result, which the log is told too. */
bool receipts_allow(struct worker *worker, const Cek__Internal__V1__Job *job, Cek__Internal__V1__JobResult *ret_result);

/* It was done, with this result: its receipt is used up unless nothing has happened. */
void receipts_used(const Cek__Internal__V1__Job *job, const Cek__Internal__V1__JobResult *result);
