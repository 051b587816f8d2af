/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/utf8.h"

/* The first and the last character of each length, and those beside the gaps. */
static void test_good(void **state)
{
	static const char *const good[] = {"a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
		"\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(utf8_len(good[i]), strlen(good[i]));
	assert_int_equal(utf8_len(""), 1);
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"\x80",
		"\xbf",
		"\xff",
		"\xfe",
		"\xc0\x80",
		"\xc1\xbf", /* overlong */
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf", /* surrogates */
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", /* beyond U+10FFFF */
		"\xc2",
		"\xe0",
		"\xe0\xa0",
		"\xf0\x90",
		"\xf0\x90\x80", /* cut off */
		"\xc2"
		"a",
		"\xe1\x80"
		"a",
		"\xf1\x80\x80"
		"a",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(utf8_len(bad[i]), 0);
		assert_int_equal(utf8_printable_len(bad[i]), 0);
	}
}

static void test_control(void **state)
{
	static const char *const control[] = {"", "\n", "\x1b", "\x1f", "\x7f", "\xc2\x80", "\xc2\x9b", "\xc2\x9f"};
	static const char *const shown[] = {" ", "~", "\xc2\xa0", "\xc3\x80", "\xe2\x82\xac"};

	(void)state;
	for (size_t i = 0; i < sizeof(control) / sizeof(control[0]); i++) {
		assert_true(utf8_is_control(control[i]));
		assert_int_equal(utf8_printable_len(control[i]), 0);
	}
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		assert_false(utf8_is_control(shown[i]));
		assert_int_equal(utf8_printable_len(shown[i]), strlen(shown[i]));
	}
}

static void test_code(void **state)
{
	assert_int_equal(utf8_code("a"), 'a');
	assert_int_equal(utf8_code("\xc2\x80"), 0x80);
	assert_int_equal(utf8_code("\xdf\xbf"), 0x7ff);
	assert_int_equal(utf8_code("\xe0\xa0\x80"), 0x800);
	assert_int_equal(utf8_code("\xef\xbf\xbf"), 0xffff);
	assert_int_equal(utf8_code("\xf0\x90\x80\x80"), 0x10000);
	assert_int_equal(utf8_code("\xf4\x8f\xbf\xbf"), 0x10ffff);
}

static void test_invisible(void **state)
{
	static const struct {
		const char *text;
		size_t at;
	} bad[] = {
		{"\x01", 0}, {"a\n", 1}, {"a\xff", 1}, {" a", 0}, {"a ", 1}, {" ", 0},
		{"a\xc2\xa0", 1}, /* no-break space */
		{"\xc2\xad"
		 "a",
			0},            /* soft hyphen */
		{"ab\xe2\x80\x8b", 2}, /* zero width space */
		{"a\xe2\x80\xae"
		 "b",
			1},          /* right-to-left override */
		{"\xe3\x80\x80", 0}, /* ideographic space */
		{"\xef\xbb\xbf"
		 "a",
			0},               /* byte order mark */
		{"a\xef\xbf\xbf", 1},     /* U+FFFF */
		{"\xf0\x9f\xbf\xbe", 0},  /* U+1FFFE */
		{"a\xf3\xa0\x81\x81", 1}, /* tag latin capital letter A */
	};
	static const char *const good[] = {"", "a", "a b", "-._~+/=", "\xc3\xa9", "\xe9\x8d\xb5", "\xf0\x9f\x94\x91",
		"\xe2\x80\xa7", "\xef\xbf\xbd"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (utf8_invisible(bad[i].text) != bad[i].text + bad[i].at)
			fail_msg("row %zu", i);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_null(utf8_invisible(good[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_code),
		cmocka_unit_test(test_invisible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
