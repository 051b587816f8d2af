/* SPDX-License-Identifier: Apache-2.0 */
/* zip.h */
#include "client/jose/zip.h"

#include <zlib.h>

#include "client/jose/cek-jose.h"

/* zlib's window and tables hold plaintext: they go where the plaintext goes. */
static voidpf state_alloc(voidpf opaque, uInt items, uInt size)
{
	return arena_alloc(opaque, (size_t)items * size);
}

static void state_free(voidpf opaque, voidpf address)
{
	(void)opaque;
	(void)address; /* wiped with the arena */
}

int zip_inflate(struct cek_bytes in, size_t max, struct arena *arena, struct cek_bytes *ret_out)
{
	z_stream stream = {.zalloc = state_alloc, .zfree = state_free, .opaque = arena};
	uint8_t *out = arena_alloc(arena, max + 1);
	size_t len;
	int rc;

	if (!out || inflateInit2(&stream, -MAX_WBITS) != Z_OK)
		return CEK_JWE_NOMEM;
	stream.next_in = (Bytef *)(uintptr_t)in.data;
	stream.avail_in = (uInt)in.len;
	stream.next_out = out;
	stream.avail_out = (uInt)(max + 1);
	rc = inflate(&stream, Z_FINISH);
	len = max + 1 - stream.avail_out;
	inflateEnd(&stream);
	if (rc == Z_MEM_ERROR)
		return CEK_JWE_NOMEM;
	if (len > max)
		return CEK_JWE_TOO_LARGE;
	if (rc != Z_STREAM_END || stream.avail_in > 0)
		return CEK_JWE_FAILED;
	out[len] = '\0';
	*ret_out = (struct cek_bytes){out, len};
	return CEK_JWE_OK;
}
