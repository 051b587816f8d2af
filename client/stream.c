/* SPDX-License-Identifier: Apache-2.0 */
#include "client/stream.h"

#include <string.h>

#include "proto/frame.h"

size_t stream_pending(const struct stream *stream)
{
	return buffer_len(&stream->buffer) - stream->dead;
}

uint64_t stream_end(const struct stream *stream)
{
	return stream->sent + buffer_len(&stream->buffer);
}

int stream_reserve(struct stream *stream, size_t body_len)
{
	return buffer_reserve(&stream->buffer, FRAME_HEADER + body_len);
}

uint8_t *stream_put(struct stream *stream, size_t body_len)
{
	uint8_t *frame = buffer_room(&stream->buffer);

	frame_header(frame, body_len);
	buffer_filled(&stream->buffer, FRAME_HEADER + body_len);
	return frame + FRAME_HEADER;
}

/* Find out where the frame ends that the last of the bytes belongs to. */
void stream_written(struct stream *stream, size_t size)
{
	const uint8_t *data = buffer_data(&stream->buffer);
	size_t len = buffer_len(&stream->buffer);
	size_t end = stream->partial;

	while (end < size) {
		const uint8_t *body;
		size_t body_len;

		if (frame_next(data + end, len - end, &body, &body_len) != FRAME_WHOLE)
			break; /* cannot be: whole frames were put in */
		end += FRAME_HEADER + body_len;
	}
	stream->partial = end - size;
	stream->sent += size;
	buffer_consume(&stream->buffer, size);
}

void stream_drop_partial(struct stream *stream)
{
	buffer_consume(&stream->buffer, stream->partial);
	stream->sent += stream->partial;
	stream->partial = 0;
}

void stream_drop_all(struct stream *stream)
{
	size_t len = buffer_len(&stream->buffer);

	buffer_consume(&stream->buffer, len);
	stream->sent += len;
	stream->partial = 0;
	stream->dead = 0;
}

void stream_move(struct stream *stream, uint64_t to, uint64_t from, size_t len)
{
	uint8_t *data = buffer_data(&stream->buffer);

	if (to != from)
		memmove(data + (to - stream->sent), data + (from - stream->sent), len);
}

void stream_cut(struct stream *stream, uint64_t end)
{
	buffer_truncate(&stream->buffer, (size_t)(stream_end(stream) - end));
	stream->dead = 0;
}

void stream_deinit(struct stream *stream)
{
	buffer_deinit(&stream->buffer);
	*stream = (struct stream){0};
}
