/* SPDX-License-Identifier: Apache-2.0 */
#include "client/stream.h"

#include <string.h>

#include "base/wipe.h"
#include "proto/frame.h"

enum { SPENT_MAX = 16384 }; /* bytes that may lie about, wiped, among frames that are kept */

/* The offset of the head of the buffer. */
static uint64_t head(const struct stream *stream)
{
	return stream->sent - stream->written;
}

static uint8_t *place(const struct stream *stream, uint64_t offset)
{
	return buffer_data(&stream->buffer) + (offset - head(stream));
}

size_t stream_pending(const struct stream *stream)
{
	return buffer_len(&stream->buffer) - stream->written - stream->dead;
}

const uint8_t *stream_unsent(const struct stream *stream, size_t *ret_len)
{
	*ret_len = buffer_len(&stream->buffer) - stream->written;
	return *ret_len > 0 ? buffer_data(&stream->buffer) + stream->written : NULL;
}

uint64_t stream_end(const struct stream *stream)
{
	return head(stream) + buffer_len(&stream->buffer);
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
	size_t len, end = stream->partial;
	const uint8_t *data = stream_unsent(stream, &len);

	while (end < size) {
		const uint8_t *body;
		size_t body_len;

		if (frame_next(data + end, len - end, &body, &body_len) != FRAME_WHOLE)
			break; /* cannot be: whole frames were put in */
		end += FRAME_HEADER + body_len;
	}
	stream->partial = end - size;
	stream->sent += size;
	stream->written += size;
}

void stream_drop_all(struct stream *stream)
{
	stream->sent = stream_end(stream);
	buffer_consume(&stream->buffer, buffer_len(&stream->buffer));
	stream->written = stream->spent = stream->partial = stream->dead = 0;
}

void stream_move(struct stream *stream, uint64_t to, uint64_t from, size_t len)
{
	if (to != from)
		memmove(place(stream, to), place(stream, from), len);
}

void stream_cut(struct stream *stream, uint64_t end)
{
	buffer_truncate(&stream->buffer, (size_t)(stream_end(stream) - end));
	stream->dead = 0;
}

bool stream_spend(struct stream *stream, uint64_t at, size_t len)
{
	const size_t gone = at + len <= stream->sent ? len : (size_t)(stream->sent - at);

	if (at < head(stream)) /* forgotten already */
		return false;
	wipe(place(stream, at), gone);
	stream->spent += gone;
	return stream->spent > SPENT_MAX && stream->spent > stream->written / 2;
}

void stream_forget(struct stream *stream, uint64_t before)
{
	const size_t len = (size_t)(before - head(stream));

	buffer_consume(&stream->buffer, len);
	stream->written -= len;
	stream->spent = 0;
}

void stream_rewind(struct stream *stream, uint64_t to)
{
	buffer_consume(&stream->buffer, (size_t)(to - head(stream)));
	stream->sent = to;
	stream->written = stream->spent = stream->partial = 0;
}

void stream_deinit(struct stream *stream)
{
	buffer_deinit(&stream->buffer);
	*stream = (struct stream){0};
}
