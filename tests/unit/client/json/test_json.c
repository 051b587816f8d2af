/* SPDX-License-Identifier: Apache-2.0 */
/* client/json/json.c and soften.c: what strangers put beside the members that count. tests/unit/client/jose/test_jwks.c
 * has JWK Sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/json/json.h"
#include "client/json/soften.h"

static const char *const good[] = {
	"{}",
	"{\"a\":18446744073709551616,\"b\":-9223372036854775809,\"c\":1e400,\"d\":-1.5E+400,\"e\":1e-400}",
	"{\"a\":0,\"b\":-0,\"c\":0.10,\"d\":1E2,\"e\":1.1}",
	"{\"a\":[1,[2,{\"b\":3}]],\"c\":{\"d\":{\"e\":4}}}",
	"{\"7\":\"8\",\"a\":\"9e999\",\"b\":\"\\\"1\\\"\"}",
};

static void test_object(void **state)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		json_t *json = json_object_parse(good[i], strlen(good[i]));

		if (!json)
			fail_msg("%s is refused", good[i]);
		json_decref(json);
	}
}

static void expect_kept(const char *text, const char *wanted)
{
	json_t *json = json_kept_parse(text, strlen(text));
	char *again;

	if (!json)
		fail_msg("%s is refused", text);
	again = json_kept_dump(json);
	assert_string_equal(again, wanted);
	free(again);
	json_decref(json);
}

static void test_kept(void **state)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		expect_kept(good[i], good[i]);
	expect_kept("{ \"a\" : 1 ,\t\"b\":[ 2\n, 3e999 ] }", "{\"a\":1,\"b\":[2,3e999]}");
	expect_kept("{\"a\":\"x\\u0000y\\uD800z\",\"b\\u0000\":1}", "{\"a\":\"x\\u0000y\\ud800z\",\"b\\u0000\":1}");
	/* What looks like our own marks is a stranger's text. */
	expect_kept("{\"a\":\"\\uffffN1\",\"b\":\"" JSON_UNHELD "N1\",\"c\":\"" JSON_UNHELD "0000\"}",
		"{\"a\":\"\\uffffN1\",\"b\":\"\\uffffN1\",\"c\":\"\\uffff0000\"}");
}

/* Which of the strings were numbers, as they were written. */
static void test_kept_number(void **state)
{
	static const char text[] = "{\"a\":1.50,\"b\":\"1.50\",\"c\":\"\\uffffN1\",\"d\":true,\"e\":\"" JSON_UNHELD
				   "N1\"}";
	json_t *json = json_kept_parse(text, strlen(text));

	(void)state;
	assert_string_equal(json_kept_number(json_object_get(json, "a")), "1.50");
	assert_null(json_kept_number(json_object_get(json, "b")));
	assert_null(json_kept_number(json_object_get(json, "c")));
	assert_null(json_kept_number(json_object_get(json, "d")));
	assert_null(json_kept_number(json_object_get(json, "e")));
	assert_null(json_kept_number(NULL));
	json_decref(json);
}

/* The longest that a text can become. */
static void test_room(void **state)
{
	static const char text[] = "{\"a\":[1,2,3,4,5,6,7,8,9,0],\"b\":\"" JSON_UNHELD JSON_UNHELD "\"}";
	char soft[SOFT_KEEPS_GROWS * sizeof(text)];
	char digits[16];

	memset(digits, '7', sizeof(digits));
	assert_int_equal(soften(digits, 1, SOFT_KEEPS, soft), SOFT_KEEPS_GROWS);
	assert_true(soften(text, sizeof(text) - 1, SOFT_KEEPS, soft) < sizeof(soft));
	assert_int_equal(soften(JSON_UNHELD, 3, SOFT_NUMBERS, soft), 3);
	assert_int_equal(soften("\"" JSON_UNHELD, 4, SOFT_ESCAPES, soft), 8);
	assert_true(8 <= SOFT_GROWS * 4);
}

/* Nothing becomes JSON by being read with patience, and no member is there twice. */
static void test_broken(void **state)
{
	static const char *const broken[] = {
		"",
		"[1]",
		"1",
		"{1:2}",
		"{1 :2}",
		"{\"a\":1e999,2\n:3}",
		"{\"a\":01}",
		"{\"a\":01e999}",
		"{\"a\":1.}",
		"{\"a\":1e}",
		"{\"a\":+1}",
		"{\"a\":-}",
		"{\"a\":1 2}",
		"{\"a\":1\"b\"}",
		"{\"a\":\"b\"1}",
		"{\"a\":1e999,\"a\":1e999}",
		"{\"a\":1e999}x",
		"{\"a\":1e999",
		"{\"a\":\"\\u00\"}",
		"{\"a\":\"\xff\"}",
	};

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		if (json_object_parse(broken[i], strlen(broken[i])))
			fail_msg("%s is an object", broken[i]);
		if (json_kept_parse(broken[i], strlen(broken[i])))
			fail_msg("%s is an object that is kept", broken[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_object),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_kept_number),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
