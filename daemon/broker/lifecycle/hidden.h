/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change may not tell: which objects of the token belong to keys that its peer may not use.
 */
#pragma once

#include <stdbool.h>

#include "daemon/broker/lifecycle/change_data.h"
#include "daemon/broker/request/request.h"

/* Whether this is the key of somebody else: no rule grants the request's peer anything on it. NULL, or a peer that is
 * gone: no. */
bool hidden_key(const struct request *request, const struct key *key);

/* Whether the token's answer means to the change's peer that there is nothing to adopt: that is true, or it is of
 * somebody else, which the log is told. */
bool hidden_nothing_to_adopt(const struct change *change, const JobResult *result);
