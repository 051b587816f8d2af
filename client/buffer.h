/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte queue in locked memory: what is put in at the tail comes out at the head, and is wiped as it goes. Requests
 * and replies pass through one each, and both hold CEKs.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/wipe.h"

enum { BUFFER_SMALL = 16384 }; /* bytes: the size of a buffer at rest */

struct buffer {
	struct arena memory;
	uint8_t *base; /* NULL: nothing mapped yet */
	size_t head;
	size_t tail;
};

/* Make room for size more bytes behind the tail. 0 or -ENOMEM; then the content is as before. */
int buffer_reserve(struct buffer *buffer, size_t size);

/* The bytes inside: they stay where they are until the next reserve. */
uint8_t *buffer_data(const struct buffer *buffer);
size_t buffer_len(const struct buffer *buffer);

/* The free bytes behind them. */
uint8_t *buffer_room(const struct buffer *buffer);
size_t buffer_room_len(const struct buffer *buffer);

/* size bytes of the room were filled. */
void buffer_filled(struct buffer *buffer, size_t size);

/* Wipe and drop size bytes at the head, or at the tail. */
void buffer_consume(struct buffer *buffer, size_t size);
void buffer_truncate(struct buffer *buffer, size_t size);

/* Give back what an empty buffer has grown to. */
void buffer_rest(struct buffer *buffer);

/* Wipe and unmap. Safe on a zeroed struct. */
void buffer_deinit(struct buffer *buffer);
