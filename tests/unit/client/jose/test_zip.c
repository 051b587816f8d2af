/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "client/jose/cek-jose.h"
#include "client/jose/zip.h"

static size_t deflate_raw(const uint8_t *data, size_t len, uint8_t *ret_data, size_t size)
{
	z_stream stream = {0};

	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_in = (Bytef *)(uintptr_t)data;
	stream.avail_in = (uInt)len;
	stream.next_out = ret_data;
	stream.avail_out = (uInt)size;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	deflateEnd(&stream);
	return size - stream.avail_out;
}

static int inflate_max(struct cek_bytes in, size_t max, const uint8_t *want, size_t len)
{
	struct arena arena;
	struct cek_bytes out = {NULL, 0};
	int code;

	assert_int_equal(arena_init(&arena, max + 1 + 16 + ZIP_STATE_SIZE), 0);
	code = zip_inflate(in, max, &arena, &out);
	if (code == CEK_JWE_OK) {
		assert_int_equal(out.len, len);
		assert_memory_equal(out.data, want, len);
	}
	arena_deinit(&arena);
	return code;
}

/* 250,000 bytes come out; one more is a bomb, as is a hundred times more. */
static void test_limit(void **state)
{
	uint8_t *data = calloc(1, 25000000), *small = malloc(400000);
	size_t len;

	(void)state;
	len = deflate_raw(data, CEK_JWE_ZIP_MAX, small, 400000);
	assert_int_equal(inflate_max((struct cek_bytes){small, len}, CEK_JWE_ZIP_MAX, data, CEK_JWE_ZIP_MAX),
		CEK_JWE_OK);
	assert_int_equal(inflate_max((struct cek_bytes){small, len}, CEK_JWE_ZIP_MAX - 1, data, 0), CEK_JWE_TOO_LARGE);
	len = deflate_raw(data, CEK_JWE_ZIP_MAX + 1, small, 400000);
	assert_int_equal(inflate_max((struct cek_bytes){small, len}, CEK_JWE_ZIP_MAX, data, 0), CEK_JWE_TOO_LARGE);
	len = deflate_raw(data, 25000000, small, 400000);
	assert_int_equal(inflate_max((struct cek_bytes){small, len}, CEK_JWE_ZIP_MAX, data, 0), CEK_JWE_TOO_LARGE);
	free(small);
	free(data);
}

static void test_damaged(void **state)
{
	static const uint8_t text[] = "a text that repeats, a text that repeats, a text that repeats";
	uint8_t packed[128];
	size_t len = deflate_raw(text, sizeof(text), packed, sizeof(packed));

	(void)state;
	assert_int_equal(inflate_max((struct cek_bytes){packed, len}, 1000, text, sizeof(text)), CEK_JWE_OK);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(inflate_max((struct cek_bytes){packed, cut}, 1000, text, 0), CEK_JWE_FAILED);
	packed[len] = 0; /* something behind the end */
	assert_int_equal(inflate_max((struct cek_bytes){packed, len + 1}, 1000, text, 0), CEK_JWE_FAILED);
	memset(packed, 0xff, sizeof(packed));
	assert_int_equal(inflate_max((struct cek_bytes){packed, sizeof(packed)}, 1000, text, 0), CEK_JWE_FAILED);
}

static void test_empty(void **state)
{
	uint8_t packed[16] = {0};
	size_t len = deflate_raw((const uint8_t *)"", 0, packed, sizeof(packed));

	(void)state;
	assert_int_equal(inflate_max((struct cek_bytes){packed, len}, 10, packed, 0), CEK_JWE_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
