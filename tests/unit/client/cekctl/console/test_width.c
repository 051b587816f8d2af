/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/console/width.c: columns of text on a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/cekctl/console/width.h"

static void test_text(void **state)
{
	assert_int_equal(width_text(""), 0);
	assert_int_equal(width_text("kid"), 3);
	assert_int_equal(width_text("K\xc3\xa4se"), 4);
	assert_int_equal(width_text("Ka\xcc\x88se"), 4);             /* a and a combining diaeresis */
	assert_int_equal(width_text("\xe9\x8d\xb5"), 2);             /* wide: "key" in Chinese */
	assert_int_equal(width_text("\xef\xbd\x86\xef\xbd\x95"), 4); /* full-width letters */
	assert_int_equal(width_text("\xf0\x9f\x94\x91"), 2);         /* a picture of a key */
	assert_int_equal(width_text("a\x1b[31m"), 9);                /* its escape takes its place */
	assert_int_equal(width_text("\xff\x80"), 8);                 /* no UTF-8: an escape a byte */
	assert_int_equal(width_text("a\xe2\x80\xae"
				    "b"),
		8); /* turns text */
	assert_int_equal(width_span("K\xc3\xa4se", 3), 2);
}

static void test_step(void **state)
{
	size_t columns;

	assert_int_equal(width_step("\xe9\x8d\xb5x", &columns), 3);
	assert_int_equal(columns, 2);
	assert_int_equal(width_step("\n", &columns), 1);
	assert_int_equal(columns, 4);
	assert_int_equal(width_step("\xc2\x9b", &columns), 2);
	assert_int_equal(columns, 6);
	assert_int_equal(width_step("\xe2\x80\x8b", &columns), 3);
	assert_int_equal(columns, 6);
}

/* What is no terminal has no width, whatever $COLUMNS says. */
static void test_no_terminal(void **state)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(width_terminal(fds[1]), 0);
	assert_false(width_can_redraw(fds[1]));
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_step),
		cmocka_unit_test(test_no_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
