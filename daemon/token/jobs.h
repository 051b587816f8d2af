/*
 * Jobs of the broker: each one in, one result out. What the token's error codes lead to is decided here and nowhere
 * else.
 */
#pragma once

#include "daemon/token/p11/named.h"
#include "daemon/token/probe/worker.h"
#include "proto/internal.pb-c.h"

typedef Cek__Internal__V1__Outcome outcome_t;
#define OUTCOME(name) CEK__INTERNAL__V1__OUTCOME__OUTCOME_##name

/* Run unwrap, wrap, rewrap or forget and fill ret_result (initialised by the caller), which then points into
 * worker->arena. worker->ending is set when the token is gone. */
void job_unwrap(struct worker *worker, const Cek__Internal__V1__UnwrapJob *job,
		Cek__Internal__V1__JobResult *ret_result);
void job_wrap(struct worker *worker, const Cek__Internal__V1__WrapJob *job, Cek__Internal__V1__JobResult *ret_result);
void job_rewrap(struct worker *worker, const Cek__Internal__V1__RewrapJob *job,
		Cek__Internal__V1__JobResult *ret_result);
void job_forget(struct worker *worker, const Cek__Internal__V1__ForgetJob *job,
		Cek__Internal__V1__JobResult *ret_result);

/* What rv means for a job with the key of this name (NULL: manage); *ret_again says that another try may help. After 1
 * try there is no further one. */
outcome_t job_judge(struct worker *worker, CK_RV rv, const struct name *name, unsigned tries, bool *ret_again);
