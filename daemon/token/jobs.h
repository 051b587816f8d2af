/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs of the broker about CEKs: each one in, one result out.
 */
#pragma once

#include "daemon/token/probe/worker.h"
#include "proto/internal.pb-c.h"

/* Run unwrap, wrap, rewrap or forget and fill ret_result (initialised by the caller), which then points into
 * the arena. worker->ending is set when the token is gone. */
void job_unwrap(struct worker *worker, const Cek__Internal__V1__UnwrapJob *job,
	Cek__Internal__V1__JobResult *ret_result);
void job_wrap(struct worker *worker, const Cek__Internal__V1__WrapJob *job, Cek__Internal__V1__JobResult *ret_result);
void job_rewrap(struct worker *worker, const Cek__Internal__V1__RewrapJob *job,
	Cek__Internal__V1__JobResult *ret_result);
void job_forget(struct worker *worker, const Cek__Internal__V1__ForgetJob *job,
	Cek__Internal__V1__JobResult *ret_result);
