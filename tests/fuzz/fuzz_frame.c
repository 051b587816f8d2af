/* SPDX-License-Identifier: Apache-2.0 */
/* Frames and what is in them: a stream of any bytes, looked at as a peer's input is, once whole and once byte by byte.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "proto/cek.pb-c.h"
#include "proto/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena arena;

/* A frame is the same however much of what follows has come already. */
static void check_prefixes(const uint8_t *data, size_t whole)
{
	const uint8_t *body = NULL;
	size_t body_len = 0;

	for (size_t len = whole > 64 ? whole - 64 : 0; len < whole; len++)
		if (frame_next(data, len, &body, &body_len) != FRAME_INCOMPLETE || body)
			abort();
}

/* A request that decodes stays the same when it is packed and decoded again. */
static void check_body(const uint8_t *body, size_t len)
{
	Cek__V1__Request *request = cek__v1__request__unpack(arena_allocator(&arena), len, body);
	Cek__V1__Request *again;
	uint8_t *packed;
	size_t packed_len;

	if (request) {
		packed_len = cek__v1__request__get_packed_size(request);
		packed = arena_alloc(&arena, packed_len);
		if (packed) {
			if (cek__v1__request__pack(request, packed) != packed_len)
				abort();
			again = cek__v1__request__unpack(arena_allocator(&arena), packed_len, packed);
			if (again && (again->id != request->id || again->op_case != request->op_case))
				abort();
		}
	}
	arena_reset(&arena);
	for (size_t i = 0; i < arena.size; i += 4096)
		if (arena.base[i] != 0)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *body;
	size_t body_len;

	if (!arena.base && arena_init(&arena, 1 << 18) < 0)
		abort();
	while (frame_next(data, size, &body, &body_len) == FRAME_WHOLE) {
		uint8_t header[FRAME_HEADER];

		if (body != data + FRAME_HEADER || body_len == 0 || body_len > FRAME_BODY_MAX ||
			body_len > size - FRAME_HEADER)
			abort();
		frame_header(header, body_len);
		if (memcmp(header, data, FRAME_HEADER) != 0)
			abort();
		check_prefixes(data, FRAME_HEADER + body_len);
		check_body(body, body_len);
		data += FRAME_HEADER + body_len;
		size -= FRAME_HEADER + body_len;
	}
	return 0;
}
