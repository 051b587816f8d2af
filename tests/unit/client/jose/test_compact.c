/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/jose/compact.h"

static void check_span(struct span span, const char *want)
{
	assert_int_equal(span.len, strlen(want));
	assert_memory_equal(span.text, want, span.len);
}

static void test_split(void **state)
{
	struct compact parts;

	(void)state;
	assert_true(compact_split("aa.b.ccc..d", 11, &parts));
	check_span(parts.header, "aa");
	check_span(parts.encrypted_key, "b");
	check_span(parts.iv, "ccc");
	check_span(parts.ciphertext, "");
	check_span(parts.tag, "d");
	assert_true(compact_split("....", 4, &parts));
	check_span(parts.header, "");
	check_span(parts.tag, "");
}

/* What is beyond len is not looked at. */
static void test_length(void **state)
{
	struct compact parts;

	(void)state;
	assert_false(compact_split("a.b.c.d.e", 7, &parts));
	assert_true(compact_split("a.b.c.d.e", 8, &parts));
	check_span(parts.tag, "");
	assert_true(compact_split("a.b.c.d.e.f", 9, &parts));
}

static void test_dots(void **state)
{
	char many[1000];
	struct compact parts = {.tag = {"untouched", 9}};

	(void)state;
	assert_false(compact_split(NULL, 0, &parts));
	assert_false(compact_split("", 0, &parts));
	assert_false(compact_split("a.b.c", 5, &parts)); /* a JWS */
	assert_false(compact_split("a.b.c.d", 7, &parts));
	assert_false(compact_split("a.b.c.d.e.", 10, &parts));
	assert_false(compact_split("a.b.c.d.e.f", 11, &parts));
	memset(many, '.', sizeof(many));
	assert_false(compact_split(many, sizeof(many), &parts));
	assert_int_equal(parts.tag.len, 9);
}

static void test_join(void **state)
{
	char *token = compact_join(&(struct compact_octets){
		.header = {"e30", 3},
		.iv = {"f", 1},
		.ciphertext = {"foobar", 6},
		.tag = {"fo", 2},
	});

	(void)state;
	assert_string_equal(token, "e30..Zg.Zm9vYmFy.Zm8");
	free(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_dots),
		cmocka_unit_test(test_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
