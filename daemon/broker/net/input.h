/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What peers send: they are read in turns of their users, as much as their user may hold and cost.
 */
#pragma once

#include <stdbool.h>

#include <event2/util.h>

#include "daemon/broker/net/net.h"

/* It has something to do as soon as it is its user's turn: to be read, if anything has come, or told the epoch. */
void input_want(struct peer *peer);

/* A libevent callback: something has come. */
void input_readable(evutil_socket_t fd, short what, void *peer);

/* It is its turn: read and serve, until its user's time is over. */
void input_serve(struct peer *peer);

/* Replies have left, or requests have ended: read on where that was stopped. */
void input_go_on(struct peer *peer);

/* Within its time it is to send a whole request. */
void input_expect(struct peer *peer);

/* Let go of what has come. */
void input_drop(struct peer *peer);
