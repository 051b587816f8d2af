/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/console/suggest.c and find.c: what may have been meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/cekctl/console/find.h"
#include "client/cekctl/console/suggest.h"

static void test_distance(void **state)
{
	static const struct {
		const char *a, *b;
		size_t distance;
	} rows[] = {
		{"", "", 0},
		{"", "abc", 3},
		{"force", "force", 0},
		{"forse", "force", 1},
		{"frce", "force", 1},
		{"foorce", "force", 1},
		{"froce", "force", 1},
		{"destory", "destroy", 1},
		{"kitten", "sitting", 3},
		{"p256", "P-256", 1},
		{"rsa-oaep-256", "RSA-OAEP-256", 0},
		{"abcdef", "fedcba", 5},
	};
	char longest[41], longer[42];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(suggest_distance(rows[i].a, rows[i].b), rows[i].distance);
		assert_int_equal(suggest_distance(rows[i].b, rows[i].a), rows[i].distance);
	}
	memset(longest, 'a', 40);
	longest[40] = '\0';
	memset(longer, 'a', 41);
	longer[41] = '\0';
	assert_int_equal(suggest_distance(longest, ""), 40);
	assert_true(suggest_distance(longer, "") == SIZE_MAX);
	assert_true(suggest_distance("", longer) == SIZE_MAX);
}

static const struct verb verbs[] = {
	{"status", "", "", NULL, true},
	{"key create", "", "", NULL, true},
	{"key list", "", "", NULL, true},
	{"key show", "", "", NULL, true},
	{"jwe encrypt", "", "", NULL, true},
	{0},
};

static void expect_near(const char *one, const char *two, const char *near)
{
	char first[32], second[32], *argv[] = {first, second, NULL};
	const char *found;

	snprintf(first, sizeof(first), "%s", one);
	snprintf(second, sizeof(second), "%s", two);
	found = find_near(verbs, *two ? 2 : 1, argv);
	if (near ? !found || strcmp(found, near) != 0 : found != NULL)
		fail_msg("\"%s %s\": %s", one, two, found ? found : "nothing");
}

static void test_near(void **state)
{
	expect_near("statsu", "", "status");
	expect_near("key", "crate", "key create");
	expect_near("keys", "list", "key list");
	expect_near("create", "api-tokens", "key create");
	expect_near("list", "", "key list");
	expect_near("encrypt", "", "jwe encrypt");
	expect_near("jew", "encrypt", "jwe encrypt");
	expect_near("version", "", "--version");
	expect_near("key", "frobnicate", NULL);
	expect_near("frobnicate", "", NULL);
	expect_near("", "", NULL);
	expect_near("x", "y", NULL);
}

static void test_find(void **state)
{
	char key[] = "key", list[] = "list", part[] = "ke", empty[] = "", *argv[] = {key, list, NULL};
	int words = 0;

	assert_ptr_equal(find_verb(verbs, 2, argv, &words), &verbs[2]);
	assert_int_equal(words, 2);
	assert_null(find_verb(verbs, 1, argv, &words));
	argv[0] = part;
	assert_null(find_verb(verbs, 2, argv, &words));
	argv[0] = empty;
	assert_null(find_verb(verbs, 2, argv, &words));
	assert_true(find_group(verbs, "key"));
	assert_false(find_group(verbs, "ke"));
	assert_false(find_group(verbs, "status"));
	assert_false(find_group(verbs, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
