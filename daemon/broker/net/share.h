/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a user may hold: replies that it has not read, frames that are not whole or cannot be served yet, records
 * that are not yet written. Whose share is used up is not read; its peers stand in user->waiting until it holds less.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/broker/net/net.h"
#include "proto/frame.h"

enum { FRAME_MAX = FRAME_HEADER + FRAME_BODY_MAX };

/* Room for a reply of the worst case; for one more read, all of which may have to stay; for more records. */
bool share_has_output(const struct peer *peer);
bool share_has_input(const struct peer *peer);
bool share_has_records(const struct peer *peer);

/* Charge the user with what peer->input takes now. */
void share_account(struct peer *peer);

/* It waits until its user holds less; records: until some of its records are written. */
void share_wait(struct peer *peer, bool records);

/* The user holds less: his peers that wait look again, if it is enough. */
void share_less(struct server *server, struct user *user);

/* The same about records that are written by now; looks at all users who wait for that. */
void share_written(struct server *server);

/* Now and then: whoever waits looks again, since others may hold less as well, or the journal has failed. */
void share_look(struct server *server);
