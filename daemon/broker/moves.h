/*
 * The states of a version (NIST SP 800-57 part 1, section 7) and the one table of moves between them.
 */
#pragma once

#include "daemon/broker/names.h"

/* Why a version may not go from one state to another: one English line in static storage. NULL: it may. before is the
 * state that it had before it was suspended or scheduled for destruction (STATE_NONE otherwise). */
const char *move_refused(enum state from, enum state to, enum state before);
