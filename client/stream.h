/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes out: one stream of whole frames over all sockets that a connection ever had; offsets count its bytes. A
 * frame that begins at or behind sent has not been written at all. Those that were written stay until nobody may want
 * to send them again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/buffer.h"

struct stream {
	struct buffer buffer;
	size_t written; /* bytes at the head of the buffer that have gone already */
	size_t spent;   /* of those: bytes of frames that nobody will send again, wiped */
	size_t partial; /* what is left of a frame that was written in part: it follows the written ones */
	size_t dead;    /* bytes of frames behind them that nobody wants any more */
	uint64_t sent;  /* offset of the first byte that has not gone */
};

/* Bytes that wait to be written. */
size_t stream_pending(const struct stream *stream);

/* The first of those bytes, and how many there are, dead ones included. */
const uint8_t *stream_unsent(const struct stream *stream, size_t *ret_len);

/* The offset behind the last frame. */
uint64_t stream_end(const struct stream *stream);

/* Make room for a frame with such a body. 0 or -ENOMEM. */
int stream_reserve(struct stream *stream, size_t body_len);

/* Put it there, but for the body: returns where that goes. */
uint8_t *stream_put(struct stream *stream, size_t body_len);

/* That many bytes have gone. */
void stream_written(struct stream *stream, size_t size);

/* Drop everything, as if it had gone. */
void stream_drop_all(struct stream *stream);

/* Drop what is dead: move each frame that is wanted, and not begun, to the place behind the one before it, the first
 * of them to sent + partial; then cut the stream where the last of them ends. */
void stream_move(struct stream *stream, uint64_t to, uint64_t from, size_t len);
void stream_cut(struct stream *stream, uint64_t end);

/* A frame that was written, at least in part, will not be sent again: wipe what has gone of it. True if there is so
 * much of that that it is worth dropping: move the frames that are kept to the places in front of the one behind, the
 * last of them to end at sent; then forget what stands before the first. */
bool stream_spend(struct stream *stream, uint64_t at, size_t len);
void stream_forget(struct stream *stream, uint64_t before);

/* The socket is gone. The frames that are to be sent (again) have been moved so that the last of them ends at
 * sent + partial: the first begins there. */
void stream_rewind(struct stream *stream, uint64_t to);

/* Wipe and unmap. Safe on a zeroed struct. */
void stream_deinit(struct stream *stream);
