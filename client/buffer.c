/* SPDX-License-Identifier: Apache-2.0 */
/* buffer.h: one arena, handed out whole; a larger one takes its place when it is full. */
#include "client/buffer.h"

#include <errno.h>
#include <string.h>

static int buffer_grow(struct buffer *buffer, size_t size)
{
	size_t len = buffer_len(buffer);
	size_t want = BUFFER_SMALL;
	struct arena memory;
	uint8_t *base;

	while (want < len + size)
		want *= 2;
	if (arena_init(&memory, want) < 0)
		return -ENOMEM;
	base = arena_alloc(&memory, memory.size);
	if (len > 0)
		memcpy(base, buffer_data(buffer), len);
	arena_deinit(&buffer->memory);
	*buffer = (struct buffer){.memory = memory, .base = base, .tail = len};
	return 0;
}

int buffer_reserve(struct buffer *buffer, size_t size)
{
	size_t len = buffer_len(buffer);

	if (buffer_room_len(buffer) >= size)
		return 0;
	if (size > SIZE_MAX / 4 - len)
		return -ENOMEM;
	if (!buffer->base || buffer->memory.size < len + size)
		return buffer_grow(buffer, size);
	memmove(buffer->base, buffer_data(buffer), len);
	wipe(buffer->base + len, buffer->tail - len);
	buffer->head = 0;
	buffer->tail = len;
	return 0;
}

uint8_t *buffer_data(const struct buffer *buffer)
{
	return buffer->base ? buffer->base + buffer->head : NULL;
}

size_t buffer_len(const struct buffer *buffer)
{
	return buffer->tail - buffer->head;
}

uint8_t *buffer_room(const struct buffer *buffer)
{
	return buffer->base ? buffer->base + buffer->tail : NULL;
}

size_t buffer_room_len(const struct buffer *buffer)
{
	return buffer->base ? buffer->memory.size - buffer->tail : 0;
}

void buffer_filled(struct buffer *buffer, size_t size)
{
	buffer->tail += size;
}

void buffer_consume(struct buffer *buffer, size_t size)
{
	wipe(buffer_data(buffer), size);
	buffer->head += size;
	if (buffer->head == buffer->tail)
		buffer->head = buffer->tail = 0;
}

void buffer_truncate(struct buffer *buffer, size_t size)
{
	buffer->tail -= size;
	wipe(buffer_room(buffer), size);
}

void buffer_rest(struct buffer *buffer)
{
	if (buffer_len(buffer) == 0 && buffer->memory.size > BUFFER_SMALL)
		buffer_deinit(buffer);
}

void buffer_deinit(struct buffer *buffer)
{
	arena_deinit(&buffer->memory);
	*buffer = (struct buffer){0};
}
