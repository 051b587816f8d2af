/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/console/output.c: times, durations and hex. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "client/cekctl/console/output.h"

static void test_durations(void **state)
{
	static const struct {
		uint32_t seconds;
		const char *text;
	} rows[] = {
		{0, "0s"},
		{59, "59s"},
		{60, "1m"},
		{3661, "1h1m1s"},
		{86400, "1d"},
		{604800, "7d"},
		{90061, "1d1h1m1s"},
		{UINT32_MAX, "49710d6h28m15s"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[OUTPUT_DURATION];

		assert_string_equal(output_duration(rows[i].seconds, text), rows[i].text);
	}
}

static void test_times(void **state)
{
	char text[OUTPUT_TIME];
	json_t *time = output_json_time(1769860800000001), *never = output_json_time(0);

	assert_string_equal(output_time(0, text), "-");
	assert_string_equal(output_time(1769860800000001, text), "2026-01-31 12:00:00Z");
	assert_string_equal(json_string_value(time), "2026-01-31T12:00:00.000001Z");
	assert_true(json_is_null(never));
	/* of a daemon whose clock went mad: no crash, no overflow */
	assert_true(strlen(output_time(UINT64_MAX, text)) < OUTPUT_TIME);
	json_decref(time);
}

/* output_time() in this zone, as tzset(3) reads it. */
static void expect_time(const char *zone, const char *expected)
{
	char text[OUTPUT_TIME];

	setenv("TZ", zone, 1);
	tzset();
	assert_string_equal(output_time(1769860800000001, text), expected);
	unsetenv("TZ");
	tzset();
}

static void test_zones(void **state)
{
	expect_time("UTC0", "2026-01-31 12:00:00Z");
	expect_time("CET-1", "2026-01-31 13:00:00+01:00");
	expect_time("NST3:30", "2026-01-31 08:30:00-03:30");
	expect_time("EAST-14", "2026-02-01 02:00:00+14:00");
}

static void test_hex(void **state)
{
	uint8_t data[65] = {0x01, 0xab};
	ProtobufCBinaryData bytes = {.data = data, .len = 2};
	char text[OUTPUT_HEX];

	assert_string_equal(output_hex(&bytes, text), "01ab");
	bytes.len = 0;
	assert_string_equal(output_hex(&bytes, text), "");
	bytes.len = 64;
	assert_int_equal(strlen(output_hex(&bytes, text)), 128);
	bytes.len = 65;
	assert_int_equal(strlen(output_hex(&bytes, text)), 128);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
