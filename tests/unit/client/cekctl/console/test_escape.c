/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/cekctl/console/escape.h"

static const struct {
	const char *text, *shown, *json;
} rows[] = {
	{"", "", ""},
	{"K\xc3\xa4se \xe2\x82\xac~ \xf0\x9f\x94\x91", "K\xc3\xa4se \xe2\x82\xac~ \xf0\x9f\x94\x91",
		"K\xc3\xa4se \xe2\x82\xac~ \xf0\x9f\x94\x91"},
	{"a\x7f", "a\\x7f", "a\\u007f"},
	{"\xc2\x9b"
	 "31m",
		"\\u009b31m", "\\u009b31m"}, /* CSI as C1 */
	{"a\xe2\x80\xae"
	 "b\xe2\x80\x8b"
	 "c",
		"a\\u202eb\\u200bc", "a\\u202eb\\u200bc"},
	{"\xe2\x80\xa8\xe2\x81\xa6\xd8\x9c\xc2\xad\xef\xbb\xbf", "\\u2028\\u2066\\u061c\\u00ad\\ufeff",
		"\\u2028\\u2066\\u061c\\u00ad\\ufeff"},
	{"\xf3\xa0\x81\x81", "\\U000e0041", "\\udb40\\udc41"}, /* a tag */
};

/* What escape_put() writes of it. */
static void expect_shown(const char *text, const char *expected)
{
	char shown[256] = "", copy[256];
	FILE *to = fmemopen(shown, sizeof(shown), "w");

	escape_put(to, text);
	fclose(to);
	assert_string_equal(shown, expected);
	assert_string_equal(escape_copy(text, copy, sizeof(copy)), expected);
	assert_int_equal(escape_is_plain(text), strcmp(text, expected) == 0);
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *json = escape_json(rows[i].text);

		expect_shown(rows[i].text, rows[i].shown);
		assert_string_equal(json, rows[i].json);
		free(json);
	}
}

/* The well-formed character of that number. */
static void encode(uint32_t code, char text[5])
{
	size_t n = 0;

	if (code < 0x80) {
		text[n++] = (char)code;
	} else if (code < 0x800) {
		text[n++] = (char)(0xc0 | code >> 6);
	} else if (code < 0x10000) {
		text[n++] = (char)(0xe0 | code >> 12);
		text[n++] = (char)(0x80 | (code >> 6 & 0x3f));
	} else {
		text[n++] = (char)(0xf0 | code >> 18);
		text[n++] = (char)(0x80 | (code >> 12 & 0x3f));
		text[n++] = (char)(0x80 | (code >> 6 & 0x3f));
	}
	if (code >= 0x80)
		text[n++] = (char)(0x80 | (code & 0x3f));
	text[n] = '\0';
}

/* Each character that steers, hides or turns, by its range. */
static void test_ranges(void **state)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {{0x01, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x61c, 0x61c}, {0x180e, 0x180e}, {0x200b, 0x200f},
		{0x2028, 0x202e}, {0x2060, 0x206f}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
		{0xe0000, 0xe0fff}};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		for (uint32_t code = ranges[i].first; code <= ranges[i].last; code++) {
			char text[5], shown[ESCAPE_SIZE], expected[ESCAPE_SIZE];

			encode(code, text);
			snprintf(expected, sizeof(expected),
				code < 0x80             ? "\\x%02x"
					: code > 0xffff ? "\\U%08x"
							: "\\u%04x",
				(unsigned)code);
			assert_string_equal(escape_copy(text, shown, sizeof(shown)), expected);
		}
}

/* Bytes that are no UTF-8: each is one, also the beginning of a character at the end, overlong forms, surrogates. */
static void test_no_utf8(void **state)
{
	expect_shown("a\xff\xe2\x82", "a\\xff\\xe2\\x82");
	expect_shown("\x9b"
		     "b",
		"\\x9bb"); /* C1 alone */
	expect_shown("\xc0\x9b\xed\xa0\x80", "\\xc0\\x9b\\xed\\xa0\\x80");
}

static void test_room(void **state)
{
	char text[8];

	assert_string_equal(escape_copy("abcdefg", text, sizeof(text)), "abcdefg");
	assert_string_equal(escape_copy("abcdefgh", text, sizeof(text)), "abcdefg");
	assert_string_equal(escape_copy("abcd\x1b", text, sizeof(text)), "abcd"); /* no half of an escape */
	assert_string_equal(escape_copy("abc\x1b", text, sizeof(text)), "abc\\x1b");
	assert_string_equal(escape_copy("abcdef\xc3\xa4", text, sizeof(text)), "abcdef");
}

static void test_strings(void **state)
{
	json_t *good = escape_string("K\xc3\xa4se"), *bad = escape_string("K\xff\x80\xc3\xa4se");

	assert_string_equal(json_string_value(good), "K\xc3\xa4se");
	assert_string_equal(json_string_value(bad), "K\xef\xbf\xbd\xef\xbf\xbd\xc3\xa4se");
	json_decref(good);
	json_decref(bad);
}

/* It means the same, and its lines stay. */
static void test_json(void **state)
{
	static const char text[] = "{\n  \"a\xe2\x80\xae\": \"\\u001b\x7f\xf3\xa0\x81\x81\"\n}";
	char *escaped = escape_json(text);
	json_t *before = json_loads(text, 0, NULL), *after = json_loads(escaped, 0, NULL);

	assert_string_equal(escaped, "{\n  \"a\\u202e\": \"\\u001b\\u007f\\udb40\\udc41\"\n}");
	assert_true(before && json_equal(before, after));
	json_decref(before);
	json_decref(after);
	free(escaped);
	assert_null(escape_json(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_no_utf8),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
