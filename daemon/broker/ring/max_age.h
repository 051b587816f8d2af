/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long whoever fetched a JWK Set may keep it (Cache-Control: max-age). Retirement counts on the key's JWKS max-age,
 * so it is never longer than that. It ends when a version becomes active that the set does not hold yet: by the
 * schedule, or because its suspension is over. With a lead that is not shorter than the JWKS max-age, the first never
 * shortens it, since the set holds every version for its lead before it is active.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/broker/ring/ring.h"

/* In seconds from now (real time, microseconds), 0: it is to be fetched each time. False: nobody said how long issuers
 * keep it, or the key has nothing that is public. */
bool max_age_of(const struct key *key, uint64_t now, uint32_t *ret_seconds);
