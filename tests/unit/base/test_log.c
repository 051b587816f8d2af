/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines on standard error.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static char said[4096];

/* Run f with standard error in a file, and keep what it wrote in said. */
static void listen_to(void (*f)(void))
{
	FILE *file = tmpfile();
	int before = dup(STDERR_FILENO);
	size_t n;

	assert_non_null(file);
	assert_true(before >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
	f();
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	close(before);
	rewind(file);
	n = fread(said, 1, sizeof(said) - 1, file);
	said[n] = '\0';
	fclose(file);
}

static void say_lines(void)
{
	log_error("a\nb\x1b[31m%c", 0x7f);
}

static void test_nothing_in_a_text_starts_a_line(void **state)
{
	(void)state;
	listen_to(say_lines);
	assert_string_equal(said, "test: a?b?[31m?\n");
}

static void say_long(void)
{
	char text[5000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
}

static void test_a_long_line_is_cut_and_ends(void **state)
{
	(void)state;
	listen_to(say_long);
	assert_int_equal(strlen(said), 1024 - 1);
	assert_string_equal(said + strlen(said) - 3, "xx\n");
}

static int error;

static void say_origin(void)
{
	error = log_origin(-EBADMSG);
}

static void test_an_error_is_logged_where_it_arose(void **state)
{
	char expected[200];
	int line = __LINE__ - 6;

	(void)state;
	listen_to(say_origin);
	assert_int_equal(error, -EBADMSG);
	snprintf(expected, sizeof(expected), "test: tests/unit/base/test_log.c:%d: %s\n", line, strerror(EBADMSG));
	assert_string_equal(said, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_in_a_text_starts_a_line),
		cmocka_unit_test(test_a_long_line_is_cut_and_ends),
		cmocka_unit_test(test_an_error_is_logged_where_it_arose),
	};

	unsetenv("JOURNAL_STREAM");
	log_open("test");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
