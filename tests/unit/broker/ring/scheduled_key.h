/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key with a schedule, for the tests of what time does to it: the first of its two versions became active at day 100,
 * with a period of 30 days and a lead of 2.
 */
#pragma once

#include "daemon/broker/ring/ring.h"

enum { DAY = 86400 };

#define US UINT64_C(1000000)

static struct version one = {.state = STATE_ACTIVE}, two = {.state = STATE_PRE_ACTIVE};
static struct version *versions[] = {&one, &two};
static struct key key;

static void reset(void)
{
	key = (struct key){.versions = versions,
		.n_versions = 1,
		.active = &one,
		.period = 30 * DAY,
		.lead = 2 * DAY,
		.token_lifetime = 600,
		.jwks_max_age = 3600};
	one = (struct version){.key = &key,
		.state = STATE_ACTIVE,
		.created = 100 * DAY * US,
		.activated = 100 * DAY * US};
	two = (struct version){.key = &key, .state = STATE_PRE_ACTIVE};
}
