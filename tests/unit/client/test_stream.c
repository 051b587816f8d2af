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
	size_t len;
	const uint8_t *data = stream_unsent(stream, &len);

	assert_int_equal(len, strlen(text));
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

/* The socket is gone: what was written in part is sent anew, and so is the one before it. */
static void test_rewound(void **state)
{
	struct stream stream = {.dead = 0};
	uint64_t b;

	put(&stream, 'a');
	b = put(&stream, 'b');
	put(&stream, 'c');
	put(&stream, 'd');
	stream_written(&stream, 24); /* six bytes of c */
	expect(&stream, "ccc....ddddd");
	assert_int_equal(stream.partial, 3);
	stream_move(&stream, 9, b, 9); /* they stand where they are to stand */
	stream_rewind(&stream, b);
	assert_int_equal(stream.sent, 9);
	assert_int_equal(stream.partial, 0);
	expect(&stream, "....bbbbb....ccccc....ddddd");
	stream_written(&stream, 9);
	stream_rewind(&stream, stream.sent);
	expect(&stream, "....ccccc....ddddd");
	stream_deinit(&stream);
}

/* What was written stays until nobody wants it again, and is wiped then. */
static void test_spent(void **state)
{
	enum { N = 4000 };
	struct stream stream = {.dead = 0};
	size_t n = 0, len;

	for (unsigned i = 0; i < N; i++)
		put(&stream, i == 0 ? 'k' : 's');
	put(&stream, 'u');
	stream_written(&stream, N * 9);
	expect(&stream, "....uuuuu");
	for (unsigned i = 1; i < N; i++) {
		if (!stream_spend(&stream, i * 9, 9))
			continue;
		n++;
		assert_int_equal(buffer_data(&stream.buffer)[i * 9 + 4], 0);
	}
	assert_true(n > 0);
	stream_move(&stream, (N - 1) * 9, 0, 9);
	stream_forget(&stream, (N - 1) * 9);
	assert_int_equal(buffer_len(&stream.buffer), 18);
	assert_int_equal(stream.sent, N * 9);
	stream_rewind(&stream, (N - 1) * 9);
	expect(&stream, "....kkkkk....uuuuu");
	assert_non_null(stream_unsent(&stream, &len));
	stream_deinit(&stream);
}

static void test_dropped(void **state)
{
	struct stream stream = {.dead = 0};

	put(&stream, 'a');
	put(&stream, 'b');
	stream_written(&stream, 6);
	expect(&stream, "aaa....bbbbb");
	stream.dead = 9;
	assert_int_equal(stream_pending(&stream), 3);
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
		cmocka_unit_test(test_rewound),
		cmocka_unit_test(test_spent),
		cmocka_unit_test(test_dropped),
		cmocka_unit_test(test_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
