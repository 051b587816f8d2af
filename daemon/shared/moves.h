/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The states of a version (NIST SP 800-57 part 1, section 7) and the one table of moves between them. Broker and
 * journal fold by it: what the one asks for the other allows.
 */
#pragma once

#include <stdbool.h>

#include "proto/internal.pb-c.h"

enum state {
	STATE_NONE = CEK__V1__STATE__STATE_UNSPECIFIED,
	STATE_PRE_ACTIVE = CEK__V1__STATE__STATE_PRE_ACTIVE,
	STATE_ACTIVE = CEK__V1__STATE__STATE_ACTIVE,
	STATE_DEACTIVATED = CEK__V1__STATE__STATE_DEACTIVATED,
	STATE_SUSPENDED = CEK__V1__STATE__STATE_SUSPENDED,
	STATE_COMPROMISED = CEK__V1__STATE__STATE_COMPROMISED,
	STATE_DESTROYED = CEK__V1__STATE__STATE_DESTROYED,
	STATE_WAITING = CEK__V1__STATE__STATE_WAITING,
	STATE_COUNT,
};

/* Where a version stands, and what it goes back to. */
struct standing {
	enum state state;
	enum state before;      /* SUSPENDED, WAITING: the state that it had before */
	enum state interrupted; /* WAITING: what the suspension that it interrupts goes back to; NONE: there is none */
};

/* Why it may not go to that state: one English line in static storage. NULL: it may. replaced: its key has an active
 * version, which is not this one unless it is active. */
const char *moves_refused(const struct standing *standing, bool replaced, enum state to);

/* SUSPENDED, WAITING: the state that it goes back to now, by itself or on demand; STATE_NONE for all others. What waits
 * to be destroyed goes back exactly; what was suspended while active finds another one active perhaps, and is
 * deactivated then. */
enum state moves_back(const struct standing *standing, bool replaced);

/* Whether a journal may tell of this move: those of today, and those of releases that let a destruction that was taken
 * back end the suspension before it as well. */
bool moves_recorded(const struct standing *standing, bool replaced, enum state to);

/* It goes there, whether it may or not. A destruction that is taken back restores the suspension that it interrupted.
 */
void moves_enter(struct standing *standing, enum state to);
