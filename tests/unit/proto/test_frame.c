/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/frame.h"

static uint8_t whole[FRAME_HEADER + FRAME_BODY_MAX];

static void test_incomplete_headers(void **state)
{
	static const uint8_t header[FRAME_HEADER] = {0, 0, 0, 1};
	const uint8_t *body = whole;
	size_t len = 77;

	(void)state;
	for (size_t i = 0; i <= FRAME_HEADER; i++)
		assert_int_equal(frame_next(header, i, &body, &len), FRAME_INCOMPLETE);
	assert_ptr_equal(body, whole);
	assert_int_equal(len, 77);
}

static void test_body_lengths(void **state)
{
	static const size_t lens[] = {1, 2, 255, 256, 257, FRAME_BODY_MAX - 1, FRAME_BODY_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		const uint8_t *body = NULL;
		size_t len = 0;

		frame_header(whole, lens[i]);
		assert_int_equal(frame_next(whole, FRAME_HEADER + lens[i] - 1, &body, &len), FRAME_INCOMPLETE);
		assert_int_equal(frame_next(whole, FRAME_HEADER + lens[i], &body, &len), FRAME_WHOLE);
		assert_ptr_equal(body, whole + FRAME_HEADER);
		assert_int_equal(len, lens[i]);
	}
}

/* Only the first frame is looked at, whatever follows. */
static void test_two_frames(void **state)
{
	static const uint8_t data[] = {0, 0, 0, 2, 'a', 'b', 0, 0, 0, 1, 'c'};
	const uint8_t *body;
	size_t len;

	(void)state;
	assert_int_equal(frame_next(data, sizeof(data), &body, &len), FRAME_WHOLE);
	assert_int_equal(len, 2);
	assert_memory_equal(body, "ab", 2);
	assert_int_equal(frame_next(data + 6, sizeof(data) - 6, &body, &len), FRAME_WHOLE);
	assert_int_equal(len, 1);
	assert_memory_equal(body, "c", 1);
}

/* Judged by the header alone, before anything of the body is there. */
static void test_too_large_and_empty(void **state)
{
	static const uint8_t one_more[] = {0, 1, 0, 1}, huge[] = {0xff, 0xff, 0xff, 0xff},
			     http[] = {'G', 'E', 'T', ' '};
	static const uint8_t empty[] = {0, 0, 0, 0, 1};
	const uint8_t *body = NULL;
	size_t len = 77;

	(void)state;
	assert_int_equal(FRAME_BODY_MAX, 0x10000);
	assert_int_equal(frame_next(one_more, 4, &body, &len), FRAME_TOO_LARGE);
	assert_int_equal(frame_next(huge, 4, &body, &len), FRAME_TOO_LARGE);
	assert_int_equal(frame_next(http, 4, &body, &len), FRAME_TOO_LARGE);
	assert_int_equal(frame_next(empty, 5, &body, &len), FRAME_EMPTY);
	assert_null(body);
	assert_int_equal(len, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_incomplete_headers),
		cmocka_unit_test(test_body_lengths),
		cmocka_unit_test(test_two_frames),
		cmocka_unit_test(test_too_large_and_empty),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
