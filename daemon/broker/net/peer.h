/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection: frames in, replies out, both bounded. Input is read into a buffer that all connections share; only
 * the part of a frame that is not whole yet stays with the connection. Reading pauses while a worst-case reply could
 * not be kept.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/broker/net/net.h"

enum { PEER_GROUPS_MAX = 1025 };

/* Take over fd. NULL when a limit or the policy refuses it (fd is closed then). */
struct peer *peer_new(struct server *server, int fd, size_t listener);

/* Close; its open requests go on without it. */
void peer_free(struct peer *peer);

/* End of a turn for this peer. May free it. */
void peer_turn(struct peer *peer);

/* The other side can send no more: what it has sent so far is read and answered, then the connection is closed. */
void peer_finish(struct peer *peer);

/* Nothing of it is open: no request, no whole frame, no reply. */
bool peer_idle(const struct peer *peer);

/* Its groups, primary and supplementary, as the kernel tells them. Returns how many. */
size_t peer_groups(const struct peer *peer, gid_t ret_gids[PEER_GROUPS_MAX]);

/* Look again at its rights. */
void peer_match(struct peer *peer);
