/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/wipe.h"

static struct chunk *add_chunk(struct bytes *bytes, struct pool *pool)
{
	struct chunk *chunk = pool_take(pool);

	if (!chunk)
		return NULL;
	chunk->next = NULL;
	chunk->start = chunk->end = 0;
	if (bytes->last)
		bytes->last->next = chunk;
	else
		bytes->first = chunk;
	bytes->last = chunk;
	return chunk;
}

uint8_t *bytes_room(struct bytes *bytes, struct pool *pool, size_t size)
{
	struct chunk *chunk = bytes->last;

	if (size > CHUNK_DATA)
		return NULL;
	if (!chunk || CHUNK_DATA - chunk->end < size)
		chunk = add_chunk(bytes, pool);
	return chunk ? chunk->data + chunk->end : NULL;
}

void bytes_commit(struct bytes *bytes, size_t size)
{
	bytes->last->end += (uint32_t)size;
	bytes->len += size;
}

int bytes_append(struct bytes *bytes, struct pool *pool, const uint8_t *data, size_t len)
{
	while (len > 0) {
		size_t room = bytes->last ? CHUNK_DATA - bytes->last->end : 0;
		size_t n = len < room ? len : room;

		if (room == 0) {
			if (!add_chunk(bytes, pool))
				return -ENOMEM;
			continue;
		}
		memcpy(bytes->last->data + bytes->last->end, data, n);
		bytes_commit(bytes, n);
		data += n;
		len -= n;
	}
	return 0;
}

void bytes_copy(const struct bytes *bytes, uint8_t *to, size_t len)
{
	for (const struct chunk *chunk = bytes->first; chunk && len > 0; chunk = chunk->next) {
		size_t n = chunk->end - chunk->start;

		if (n > len)
			n = len;
		memcpy(to, chunk->data + chunk->start, n);
		to += n;
		len -= n;
	}
}

void bytes_drop(struct bytes *bytes, struct pool *pool, size_t len)
{
	bytes->len -= len;
	while (bytes->first) {
		struct chunk *chunk = bytes->first;
		size_t n = chunk->end - chunk->start;

		if (n > len) {
			wipe(chunk->data + chunk->start, len);
			chunk->start += (uint32_t)len;
			return;
		}
		len -= n;
		bytes->first = chunk->next;
		if (!bytes->first)
			bytes->last = NULL;
		pool_give(pool, chunk, offsetof(struct chunk, data) + chunk->end);
	}
}

int bytes_iov(const struct bytes *bytes, size_t limit, struct iovec *iov, int max)
{
	const struct chunk *chunk = bytes->first;
	int n = 0;

	for (; chunk && n < max && limit > 0; chunk = chunk->next, n++) {
		size_t len = chunk->end - chunk->start;

		if (len > limit)
			len = limit;
		iov[n] = (struct iovec){.iov_base = (void *)(chunk->data + chunk->start), .iov_len = len};
		limit -= len;
	}
	return n;
}
