/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies on their way to a peer: they leave in their order, each when its audit record is out; but for those that wait
 * for no record.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <event2/util.h>

#include "daemon/broker/net/net.h"

/* Have peer_turn called at the end of this turn. */
void peer_touch(struct peer *peer);

/* Room for a small frame at the end of the output, to be filled at once; NULL if it does not fit or there is no
 * memory. */
uint8_t *peer_room(struct peer *peer, size_t size);

/* The room was filled with a frame of this size, which may leave once audit record n is out (0: no record). */
void peer_commit(struct peer *peer, size_t size, uint64_t n);

/* The same for a frame of any size, by copying. Without memory the connection is closed. */
void peer_send(struct peer *peer, const uint8_t *frame, size_t len, uint64_t n);

/* The same for one that waits for no record: it leaves before those that do. */
void peer_send_express(struct peer *peer, const uint8_t *frame, size_t len);

/* Tell it about the epoch, now or as soon as there is room. */
void peer_tell_epoch(struct peer *peer);

/* Write what may leave now. */
void peer_write(struct peer *peer);

/* A libevent callback: the socket takes more. */
void peer_writable(evutil_socket_t fd, short what, void *peer);
