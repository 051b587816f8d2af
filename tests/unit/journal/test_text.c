/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "daemon/journal/text.h"

static struct text text;

static const char *taken(void)
{
	text_raw(&text, "", 1);
	text.len = 0;
	return text.data;
}

static void check_string(const char *string, bool strict, const char *expected)
{
	text_string(&text, string, strict);
	assert_int_equal(text.error, 0);
	assert_string_equal(taken(), expected);
}

static void test_strings(void **state)
{
	(void)state;
	check_string("", true, "\"\"");
	check_string("a b/\x7e", true, "\"a b/~\"");
	check_string("\"\\", true, "\"\\\"\\\\\"");
	check_string("\n\x01\x1f\x7f", true, "\"\\u000a\\u0001\\u001f\\u007f\"");
	check_string("\xc2\x80\xc2\x9b", true, "\"\\u0080\\u009b\""); /* C1: 9b begins a terminal's escape sequence */
	check_string("\xc2\xa0\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91", true,
		"\"\xc2\xa0\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91\"");
	check_string("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", true, "\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"");
}

/* Every kind of what is not UTF-8: refused in the key journal, a replacement for each byte in the audit journal. */
static void test_invalid_utf8(void **state)
{
	static const char *const strings[] = {
		"\x80",
		"\xbf",
		"\xc0\xaf",
		"\xc1\xbf",
		"\xc3",
		"\xe0\x9f\xbf",
		"\xe2\x82",
		"\xed\xa0\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
		"\xf0\x9f\x94",
		"a\xc3(",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		json_t *json;

		text_string(&text, strings[i], true);
		assert_int_equal(text.error, -EILSEQ);
		text.error = 0;
		text.len = 0;
		text_string(&text, strings[i], false);
		assert_int_equal(text.error, 0);
		assert_non_null(memmem(text.data, text.len, "\\ufffd", 6));
		json = json_loadb(text.data, text.len, JSON_DECODE_ANY, NULL);
		assert_non_null(json);
		json_decref(json);
		text.len = 0;
	}
	check_string("a\xff\xfe(b", false, "\"a\\ufffd\\ufffd(b\"");
}

/* Whatever a peer sends, a JSON reader takes it, and what is UTF-8 comes back byte for byte. */
static void test_every_pair_of_bytes(void **state)
{
	(void)state;
	for (unsigned a = 1; a < 256; a++) {
		for (unsigned b = 1; b < 256; b++) {
			const char string[] = {(char)a, (char)b, 0};
			json_t *json;

			text_string(&text, string, false);
			json = json_loadb(text.data, text.len, JSON_DECODE_ANY, NULL);
			assert_non_null(json);
			if (a < 128 && b < 128)
				assert_string_equal(json_string_value(json), string);
			json_decref(json);
			text.len = 0;
		}
	}
}

static void test_numbers(void **state)
{
	(void)state;
	text_number(&text, 0);
	assert_string_equal(taken(), "0");
	text_number(&text, 10);
	assert_string_equal(taken(), "10");
	text_number(&text, INT64_MAX);
	assert_string_equal(taken(), "9223372036854775807");
	text_number(&text, (uint64_t)INT64_MAX + 1);
	assert_int_equal(text.error, -ERANGE);
	text_raw(&text, "x", 1);
	assert_int_equal(text.len, 0);
	text.error = 0;
}

static void test_base64url(void **state)
{
	static const struct {
		const char *octets, *string;
	} rows[] = {
		/* RFC 4648 section 10, without padding */
		{"", "\"\""},
		{"f", "\"Zg\""},
		{"fo", "\"Zm8\""},
		{"foo", "\"Zm9v\""},
		{"foob", "\"Zm9vYg\""},
		{"fooba", "\"Zm9vYmE\""},
		{"foobar", "\"Zm9vYmFy\""},
		{"\xfb\xff", "\"-_8\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		text_base64url(&text, (const uint8_t *)rows[i].octets, strlen(rows[i].octets));
		assert_string_equal(taken(), rows[i].string);
	}
}

static void check_time(uint64_t time)
{
	time_t seconds = (time_t)(time / 1000000);
	char expected[64];
	struct tm tm;
	uint64_t back;
	size_t len;

	assert_non_null(gmtime_r(&seconds, &tm));
	len = strftime(expected, sizeof(expected), "\"%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(expected + len, sizeof(expected) - len, ".%06uZ\"", (unsigned)(time % 1000000));
	text_time(&text, time);
	assert_string_equal(taken(), expected);
	text.data[strlen(expected) - 1] = 0;
	assert_int_equal(text_parse_time(text.data + 1, &back), 0);
	assert_true(back == time);
}

static void test_times(void **state)
{
	(void)state;
	check_time(0);
	check_time(1);
	for (uint64_t time = 951696000000000; time < 952128000000000; time += 21600000001) /* around 2000-02-29 */
		check_time(time);
	for (uint64_t time = 0; time < TEXT_TIME_LAST;
		time += 864000123457) /* every tenth day and a bit, to the year 9999 */
		check_time(time);
	check_time(TEXT_TIME_LAST);
	text_time(&text, TEXT_TIME_LAST + 1);
	assert_int_equal(text.error, -ERANGE);
	text.error = 0;
}

static void test_bad_times(void **state)
{
	static const char *const bad[] = {
		"",
		"2026-01-02",
		"2026-01-02T03:04:05Z",
		"2026-01-02T03:04:05.000000",
		"2026-01-02T03:04:05.000000z",
		"2026-01-02 03:04:05.000000Z",
		"2026-01-02T03:04:05.000000Z ",
		"2026-01-02T03:04:05.0000000Z",
		"2026-13-02T03:04:05.000000Z",
		"2026-00-02T03:04:05.000000Z",
		"2026-01-00T03:04:05.000000Z",
		"2026-02-29T03:04:05.000000Z",
		"2026-04-31T03:04:05.000000Z",
		"2026-01-02T24:04:05.000000Z",
		"2026-01-02T03:60:05.000000Z",
		"2026-01-02T03:04:60.000000Z",
		"1969-12-31T23:59:59.000000Z",
		"+026-01-02T03:04:05.000000Z",
		"2026-01-02T03:04:05.000000+00:00",
	};
	uint64_t time = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_parse_time(bad[i], &time), -EINVAL);
	assert_int_equal(time, 77);
}

static int deinit(void **state)
{
	(void)state;
	text_deinit(&text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_invalid_utf8),
		cmocka_unit_test(test_every_pair_of_bytes),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_base64url),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_bad_times),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, deinit);
}
