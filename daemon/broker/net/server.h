/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners and the set of connections.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/broker/net/net.h"

/* Take over these listening descriptors. Nothing is accepted before server_begin. 0 or -errno. */
int server_init(struct server *server, const struct server_uses *uses, const struct server_events *events, void *owner,
	char *const *names, const int *fds, size_t n);
void server_deinit(struct server *server);

/* The ring is there, or it is clear that it will not be: accept. */
void server_begin(struct server *server);

/* Stop accepting, for good. What connections have sent so far is read and answered, then they are closed. */
void server_drain(struct server *server);

/* Accept again after a connection closed. */
void server_accept_again(struct server *server);

/* Now and then: what had to wait looks again, and what was not told is. */
void server_look(struct server *server);

/* New rules: look again at what each connection may do. */
void server_rematch(struct server *server);

/* Read and serve what has come from peers, user by user, until there is nothing left or the time of one turn is over.
 */
void server_serve(struct server *server);

/* Something was left over. */
bool server_waiting(const struct server *server);

/* End of a turn: release the replies whose records are out, write them, read on where reading was paused. */
void server_flush(struct server *server);

/* Drained: there is no connection any more. */
bool server_idle(const struct server *server);

/* Tell watchers about a new epoch. */
void server_tell_watchers(struct server *server);

/* Close the connections that watch, for news that cannot be told as an epoch. */
void server_close_watchers(struct server *server);
