/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/console/io.c: input of exactly the size that is allowed, and one byte more. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/cekctl/console/io.h"

static void test_read_all(void **state)
{
	char data[8] = "";

	for (size_t n = 0; n <= sizeof(data); n++) {
		int fds[2];

		assert_int_equal(pipe(fds), 0);
		assert_int_equal(io_write_all(fds[1], "01234567", n), 0);
		close(fds[1]);
		errno = EINTR; /* of what was before: at the end of input there is no error */
		assert_int_equal(io_read_all(fds[0], data, 7), n <= 7 ? (ssize_t)n : -EMSGSIZE);
		assert_memory_equal(data, "01234567", n <= 7 ? n : 7);
		assert_int_equal(data[7], 0);
		close(fds[0]);
	}
	assert_int_equal(io_read_all(-1, data, 7), -EBADF);
	assert_int_equal(io_write_all(-1, data, 7), -EBADF);
}

/* line NULL: what is wrong. */
static void expect_line(FILE *file, size_t max, int result, const char *line, size_t len)
{
	char *got = NULL;
	size_t got_len = 999;

	assert_int_equal(io_read_line(file, max, &got, &got_len), result);
	if (line) {
		assert_int_equal(got_len, len);
		assert_memory_equal(got, line, len + 1);
	} else {
		assert_null(got);
		assert_int_equal(got_len, 999);
	}
	free(got);
}

static void test_lines(void **state)
{
	char text[] = "one\n\na\0b\n12345\n123456\n";
	FILE *file = fmemopen(text, sizeof(text) - 1, "r");

	expect_line(file, 5, 1, "one", 3);
	expect_line(file, 5, 1, "", 0);
	expect_line(file, 5, 1, "a\0b", 3);
	expect_line(file, 5, 1, "12345", 5);
	expect_line(file, 5, -EMSGSIZE, NULL, 0);
	fclose(file);
	file = fmemopen(text, 3, "r");
	expect_line(file, 5, 1, "one", 3); /* no newline at the end */
	expect_line(file, 5, 0, NULL, 0);
	fclose(file);
}

static void test_long_lines(void **state)
{
	enum { LONG = 10000 };
	char *text = malloc(LONG + 1);
	FILE *file;

	memset(text, 'x', LONG);
	text[LONG] = '\0';
	file = fmemopen(text, LONG, "r");
	expect_line(file, LONG, 1, text, LONG);
	rewind(file);
	expect_line(file, LONG - 1, -EMSGSIZE, NULL, 0);
	fclose(file);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_all),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
