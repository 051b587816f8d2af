/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which moves between states a version of the ring may make (daemon/shared/moves.h), and what it does in them.
 */
#pragma once

#include <stdbool.h>

#include "daemon/broker/ring/ring.h"
#include "daemon/shared/moves.h"

/* As moves.h of daemon/shared has them. Only a version that was not active before becomes active in the place of
 * another one. */
struct standing move_standing(const struct version *version);
const char *move_refused(const struct version *version, enum state to);
enum state move_back(const struct version *version);
bool move_recorded(const struct version *version, enum state to);

/* Whether it unwraps: active and deactivated ones, and pre-active ones of public-key algorithms, which are published
 * before they are used. */
bool move_opens(const struct version *version);
