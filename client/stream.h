/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes out: one stream of whole frames over all sockets that a connection ever had; offsets count its bytes. A
 * frame that begins at or behind sent has not been written at all.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/buffer.h"

struct stream {
	struct buffer buffer;
	size_t partial; /* what is left of a frame that was written in part: the head of the buffer */
	size_t dead;    /* bytes of frames in it that nobody wants any more */
	uint64_t sent;  /* offset of the head of the buffer */
};

/* Bytes that wait to be written. */
size_t stream_pending(const struct stream *stream);

/* The offset behind the last frame. */
uint64_t stream_end(const struct stream *stream);

/* Make room for a frame with such a body. 0 or -ENOMEM. */
int stream_reserve(struct stream *stream, size_t body_len);

/* Put it there, but for the body: returns where that goes. */
uint8_t *stream_put(struct stream *stream, size_t body_len);

/* That many bytes have gone. */
void stream_written(struct stream *stream, size_t size);

/* Drop the rest of a frame that was written in part; or everything, as if it had gone. */
void stream_drop_partial(struct stream *stream);
void stream_drop_all(struct stream *stream);

/* Drop what is dead: move each frame that is wanted, and not begun, to the place behind the one before it, the first
 * of them to sent + partial; then cut the stream where the last of them ends. */
void stream_move(struct stream *stream, uint64_t to, uint64_t from, size_t len);
void stream_cut(struct stream *stream, uint64_t end);

/* Wipe and unmap. Safe on a zeroed struct. */
void stream_deinit(struct stream *stream);
