/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an error of the token leads to: decided here and nowhere else.
 */
#pragma once

#include <stdbool.h>

#include "daemon/token/probe/worker.h"
#include "proto/internal.pb-c.h"

typedef Cek__Internal__V1__Outcome outcome_t;
#define OUTCOME(name) CEK__INTERNAL__V1__OUTCOME__OUTCOME_##name

/* What rv means for a job with the key of this name (NULL: manage); *ret_again says that another try may help. After 1
 * try there is no further one. Sets worker->ending when the token is gone. */
outcome_t judge(struct worker *worker, CK_RV rv, const struct name *name, unsigned tries, bool *ret_again);

/* The same if no ciphertext had to do with it, because there is none or the token has not been given it yet: never
 * FAILED. A token that gives an error and does what it did is UNAVAILABLE for this job, and goes on. */
outcome_t judge_token(struct worker *worker, CK_RV rv, const struct name *name, unsigned tries, bool *ret_again);
