/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/policy/nearest.h"

static char *listeners[] = {(char *)"gateway", (char *)"admin"};
static char *gateway[] = {(char *)"gateway"}, *admin[] = {(char *)"admin"};
static char *api[] = {(char *)"api-*", (char *)"login"}, *all[] = {(char *)"*"};
static char *unwrap[] = {(char *)"unwrap"}, *rotate[] = {(char *)"rotate"};
static uint32_t uids[] = {33, 34}, gids[] = {44}, root[] = {0};

static struct policy load(void)
{
	Rule gateways = CEK__INTERNAL__V1__RULE__INIT, operators = CEK__INTERNAL__V1__RULE__INIT;
	Rule *rules[] = {&gateways, &operators};
	struct policy policy;
	char why[100];

	gateways.name = (char *)"gateways";
	gateways.listener = gateway;
	gateways.uid = uids;
	gateways.n_uid = 2;
	gateways.gid = gids;
	gateways.operation = unwrap;
	gateways.key = api;
	gateways.n_key = 2;
	operators.name = (char *)"operators";
	operators.listener = admin;
	operators.uid = root;
	operators.n_uid = 1;
	operators.operation = rotate;
	operators.key = all;
	gateways.n_listener = operators.n_listener = gateways.n_gid = gateways.n_operation = operators.n_operation =
		operators.n_key = 1;
	assert_int_equal(policy_load(rules, 2, listeners, 2, &policy, why, sizeof(why)), 0);
	return policy;
}

static void test_the_nearest_rule(void **state)
{
	static const struct {
		size_t listener;
		uid_t uid;
		gid_t gid;
		int permission;
		const char *key, *rule;
		unsigned missing;
	} rows[] = {
		{0, 33, 1, PERMISSION_UNWRAP, "api-1", "gateways", 0},
		{0, 99, 44, PERMISSION_UNWRAP, "login", "gateways", 0},
		{0, 33, 1, PERMISSION_UNWRAP, "", "gateways", 0},
		{0, 33, 1, -1, "api-1", "gateways", 0},
		{0, 99, 1, PERMISSION_UNWRAP, "api-1", "gateways", MISSING_USER},
		{0, 33, 1, PERMISSION_UNWRAP, "payroll", "gateways", MISSING_KEY},
		{0, 33, 1, PERMISSION_WRAP, "api-1", "gateways", MISSING_OPERATION},
		{1, 33, 1, PERMISSION_UNWRAP, "api-1", "gateways", MISSING_LISTENER},
		{0, 0, 0, PERMISSION_ROTATE, "payroll", "operators", MISSING_LISTENER},
		{1, 33, 1, PERMISSION_ROTATE, "payroll", "operators", MISSING_USER},
		{0, 33, 1, PERMISSION_FSCK, "payroll", "gateways", MISSING_OPERATION | MISSING_KEY},
		{0, POLICY_UID_UNMAPPED, 44, PERMISSION_UNWRAP, "api-1", "gateways", MISSING_USER},
	};
	struct policy policy = load();
	const struct policy_rule *rule;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct question question = {.listener = rows[i].listener,
			.uid = rows[i].uid,
			.gids = &rows[i].gid,
			.n_gids = 1,
			.permission = rows[i].permission,
			.key = rows[i].key};

		assert_int_equal(policy_explain(&policy, &question, &rule), rows[i].missing);
		assert_string_equal(rule_name(rule), rows[i].rule);
	}
	policy_deinit(&policy);
}

static void test_no_rule_at_all(void **state)
{
	const struct question question = {.permission = PERMISSION_UNWRAP, .key = "api-1"};
	struct policy policy = {0};
	const struct policy_rule *rule;

	assert_int_equal(policy_explain(&policy, &question, &rule), 15);
	assert_null(rule);
}

/* What has no room ends with a mark, and nothing is written behind the room. */
static void test_words_are_cut_off_with_a_mark(void **state)
{
	const struct question question = {.permission = PERMISSION_UNWRAP, .key = "api-1"};
	struct policy policy = load();
	const struct policy_rule *rule;
	char text[64];

	(void)policy_explain(&policy, &question, &rule);
	assert_string_equal(rule_users(rule, text, sizeof(text)), "users 33, 34 and groups 44");
	assert_string_equal(rule_keys(rule, text, sizeof(text)), "api-*, login");
	for (size_t size = 1; size < 40; size++) {
		memset(text, 'x', sizeof(text));
		rule_users(rule, text, size);
		assert_true(strlen(text) < size);
		assert_int_equal(text[size], 'x');
		if (size > 26 + 3)
			assert_string_equal(text, "users 33, 34 and groups 44");
		else if (size > 3)
			assert_non_null(strstr(text, "\xe2\x80\xa6"));
	}
	policy_deinit(&policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_nearest_rule),
		cmocka_unit_test(test_no_rule_at_all),
		cmocka_unit_test(test_words_are_cut_off_with_a_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
