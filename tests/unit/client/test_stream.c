/* SPDX-License-Identifier: Apache-2.0 */
/* client/stream.c: offsets stay true whatever is written, dropped or taken out of the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/stream.h"
#include "proto/frame.h"

/* A frame whose body is that character, five times. */
static uint64_t put(struct stream *stream, char body)
{
	uint64_t at = stream_end(stream);

	assert_int_equal(stream_reserve(stream, 5), 0);
	memset(stream_put(stream, 5), body, 5);
	assert_int_equal(stream_end(stream), at + FRAME_HEADER + 5);
	return at;
}

static void expect(const struct stream *stream, const char *text)
{
	const uint8_t *data = buffer_data(&stream->buffer);

	assert_int_equal(buffer_len(&stream->buffer), strlen(text));
	for (size_t i = 0; text[i]; i++)
		if (text[i] != '.') /* any */
			assert_int_equal(data[i], text[i]);
}

static void test_written(void **state)
{
	static const struct {
		size_t written, partial;
	} rows[] = {{1, 8}, {7, 1}, {1, 0}, {9, 0}, {10, 8}, {8, 0}};
	struct stream stream = {.dead = 0};
	uint64_t sent = 0;

	for (int i = 0; i < 4; i++)
		put(&stream, 'a');
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		stream_written(&stream, rows[i].written);
		sent += rows[i].written;
		assert_int_equal(stream.partial, rows[i].partial);
		assert_int_equal(stream.sent, sent);
		assert_int_equal(stream_pending(&stream), 36 - sent);
	}
	stream_deinit(&stream);
}

static void test_dropped(void **state)
{
	struct stream stream = {.dead = 0};

	put(&stream, 'a');
	put(&stream, 'b');
	stream_written(&stream, 6);
	expect(&stream, "aaa....bbbbb");
	stream_drop_partial(&stream);
	assert_int_equal(stream.sent, 9);
	assert_int_equal(stream.partial, 0);
	expect(&stream, "....bbbbb");
	stream_drop_partial(&stream); /* there is none */
	expect(&stream, "....bbbbb");
	stream.dead = 9;
	assert_int_equal(stream_pending(&stream), 0);
	stream_drop_all(&stream);
	assert_int_equal(stream.sent, 18);
	assert_int_equal(stream_pending(&stream), 0);
	assert_int_equal(put(&stream, 'c'), 18);
	stream_deinit(&stream);
}

/* Two of four frames are dead, the first is being written. */
static void test_moved(void **state)
{
	struct stream stream = {.dead = 0};
	uint64_t c, end;

	put(&stream, 'a');
	put(&stream, 'b');
	c = put(&stream, 'c');
	put(&stream, 'd');
	stream_written(&stream, 6);
	stream.dead = 18;
	end = stream.sent + stream.partial;
	stream_move(&stream, end, c, 9);
	stream_cut(&stream, end + 9);
	assert_int_equal(stream.dead, 0);
	assert_int_equal(stream_end(&stream), 18);
	expect(&stream, "aaa....ccccc");
	stream_written(&stream, 4);
	assert_int_equal(stream.partial, 8);
	stream_deinit(&stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_dropped),
		cmocka_unit_test(test_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
