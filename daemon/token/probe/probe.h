/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the token can do is tried with session keys when the worker starts, and what it did not clearly refuse again now
 * and then.
 */
#pragma once

#include <stdbool.h>

#include "daemon/token/probe/worker.h"
#include "proto/alg.h"

/* Fill token->facts. CKR_OK, or what the token says if it does not answer at all. What it did not clearly refuse is
 * tried some times more, unless a try takes long. */
CK_RV probe_run(struct token *token);

/* Try what is in doubt once more. Sets facts.changed, or worker->ending if the token is gone. */
void probe_again(struct worker *worker);

/* Is it clear whether the token does alg, on this curve (NULL: any)? If not it is tried, unless that was done lately:
 * the longer it lasts and the longer a try takes, the fewer there are. */
bool probe_settle(struct worker *worker, const struct alg *alg, const struct curve *curve);
