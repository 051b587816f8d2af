/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/console/cell.c: text in few columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/cekctl/console/cell.h"
#include "client/cekctl/console/width.h"

enum { SHOWN = 256 };

/* One line of it. */
static const char *line(const char *text, size_t width, char shown[SHOWN])
{
	FILE *real = stdout;
	const char *rest;
	size_t used;

	memset(shown, 0, SHOWN);
	stdout = fmemopen(shown, SHOWN, "w");
	rest = cell_print(text, width, &used);
	fclose(stdout);
	stdout = real;
	assert_int_equal(used, width_text(shown));
	assert_true(used <= width || width < cell_least(text));
	return rest;
}

static void test_whole(void **state)
{
	char shown[SHOWN];

	assert_null(line("kid", 3, shown));
	assert_string_equal(shown, "kid");
	assert_null(line("", 0, shown));
	assert_string_equal(shown, "");
	assert_null(line("two words", 9, shown));
	assert_string_equal(shown, "two words");
}

/* The beginning is long enough to name a version by it. */
static void test_kids(void **state)
{
	static const char kid[] = "Vh4Ml9Ov73jD9z2mFbQG8tUQ-Uz_oQ1n8tTgq7b0xE";
	char shown[SHOWN];

	assert_int_equal(cell_least(kid), 12);
	assert_null(line(kid, 12, shown));
	assert_string_equal(shown,
		"Vh4Ml9\xe2\x80\xa6"
		"7b0xE");
	assert_null(line(kid, 14, shown));
	assert_string_equal(shown, "Vh4Ml9O\xe2\x80\xa6q7b0xE");
	assert_null(line(kid, 42, shown));
	assert_string_equal(shown, kid);
	assert_null(line(kid, 41, shown));
	assert_int_equal(width_text(shown), 41);
}

/* Wide characters are not cut in two, combining ones not taken off. */
static void test_characters(void **state)
{
	char shown[SHOWN];

	assert_null(
		line("\xe9\x8d\xb5\xe9\x8d\xb5\xe9\x8d\xb5\xe9\x8d\xb5\xe9\x8d\xb5\xe9\x8d\xb5\xe9\x8d\xb5\xe9\x8d\xb5",
			14, shown));
	assert_string_equal(shown,
		"\xe9\x8d\xb5\xe9\x8d\xb5\xe9\x8d\xb5\xe2\x80\xa6\xe9\x8d\xb5\xe9\x8d\xb5\xe9\x8d\xb5");
	assert_null(line("abcdefg\xcc\x88hijklmnn\xcc\x88opqrs", 14, shown));
	assert_string_equal(shown, "abcdefg\xcc\x88\xe2\x80\xa6n\xcc\x88opqrs");
	assert_null(line("abcdefghijklmnn\xcc\x88opqrst", 14, shown));
	assert_string_equal(shown, "abcdefg\xe2\x80\xa6opqrst");
}

static void test_sentences(void **state)
{
	char shown[SHOWN];
	const char *rest = line("unwrap by CKM_RSA_PKCS_OAEP inside the token", 24, shown);

	assert_string_equal(shown, "unwrap by");
	rest = line(rest, 24, shown);
	assert_string_equal(shown, "CKM_RSA_PKCS_OAEP inside");
	assert_null(line(rest, 24, shown));
	assert_string_equal(shown, "the token");
	rest = line("abcdefghijklmnopqrstuvwxyz0123456789 end", 24, shown);
	assert_string_equal(shown, "abcdefghijklmnopqrstuvwx");
	assert_null(line(rest, 24, shown));
	assert_string_equal(shown, "yz0123456789 end");
}

static void test_steering(void **state)
{
	char shown[SHOWN];

	assert_null(line("\x1b[2J\x1b[31mred-and-long-enough", 14, shown));
	assert_null(strchr(shown, '\x1b'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_kids),
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_sentences),
		cmocka_unit_test(test_steering),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
