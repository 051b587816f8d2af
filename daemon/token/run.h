/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which function runs which job.
 */
#pragma once

#include <stdbool.h>

#include "daemon/token/manage/jobs.h"
#include "daemon/token/probe/worker.h"
#include "proto/internal.pb-c.h"

/* Run job and fill ret_result. What comes in several results goes through send but for the last. manage: this is the
 * manage worker. 0 or what send returned. */
int run_job(struct worker *worker, bool manage, const Cek__Internal__V1__Job *job, manage_send *send, void *context,
	Cek__Internal__V1__JobResult *ret_result);
