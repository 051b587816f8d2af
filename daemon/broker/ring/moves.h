/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The states of a version (NIST SP 800-57 part 1, section 7) and the one table of moves between them.
 */
#pragma once

#include <stdbool.h>

#include "daemon/broker/ring/ring.h"

/* Why this version may not go to that state: one English line in static storage. NULL: it may. Only a version that was
 * not active before becomes active in the place of another one. */
const char *move_refused(const struct version *version, enum state to);

/* SUSPENDED, WAITING: the state that it goes back to now, by itself or on demand; STATE_NONE for all others. What waits
 * to be destroyed goes back exactly; what was suspended while active finds another one active perhaps, and is
 * deactivated then. */
enum state move_back(const struct version *version);

/* Whether a journal may tell of this move: those of today, and those of releases that let a destruction that was taken
 * back end the suspension before it as well. */
bool move_recorded(const struct version *version, enum state to);

/* Whether it unwraps: active and deactivated ones, and pre-active ones of public-key algorithms, which are published
 * before they are used. */
bool move_opens(const struct version *version);
