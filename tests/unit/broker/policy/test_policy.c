/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/policy/policy.h"

static char *listeners[] = {(char *)"gateway", (char *)"admin"};
static char *names[] = {(char *)"api-*", (char *)"login"};

static Rule rule_of(const char *name, char **operations, size_t n)
{
	Rule rule = CEK__INTERNAL__V1__RULE__INIT;

	rule.name = (char *)name;
	rule.operation = operations;
	rule.n_operation = n;
	rule.key = names;
	rule.n_key = 2;
	return rule;
}

static struct policy load(Rule **rules, size_t n)
{
	struct policy policy;
	char why[100];

	assert_int_equal(policy_load(rules, n, listeners, 2, &policy, why, sizeof(why)), 0);
	return policy;
}

static bool may(const struct policy *policy, size_t listener, uid_t uid, const gid_t *gids, size_t n_gids,
	enum permission permission, const char *key)
{
	struct grants grants;

	policy_match(policy, listener, uid, gids, n_gids, &grants);
	return policy_allows(policy, &grants, permission, key);
}

static void test_nothing_is_granted_without_a_rule(void **state)
{
	struct policy policy = load(NULL, 0);

	assert_false(may(&policy, 0, 0, NULL, 0, PERMISSION_UNWRAP, "api-1"));
	assert_false(may(&policy, 1, 0, (gid_t[]){0}, 1, PERMISSION_STATUS, ""));
	policy_deinit(&policy);
}

static void test_a_rule_grants_what_it_names_and_no_more(void **state)
{
	char *operations[] = {(char *)"unwrap", (char *)"status"};
	Rule rule = rule_of("gateways", operations, 2), *rules[] = {&rule};
	uint32_t uid = 33;
	struct policy policy;
	struct grants grants;

	rule.uid = &uid;
	rule.n_uid = 1;
	rule.listener = listeners;
	rule.n_listener = 1;
	policy = load(rules, 1);
	assert_true(may(&policy, 0, 33, NULL, 0, PERMISSION_UNWRAP, "api-1"));
	assert_true(may(&policy, 0, 33, NULL, 0, PERMISSION_UNWRAP, "login"));
	assert_false(may(&policy, 0, 33, NULL, 0, PERMISSION_UNWRAP, "login2"));
	assert_false(may(&policy, 0, 33, NULL, 0, PERMISSION_WRAP, "api-1"));
	assert_false(may(&policy, 1, 33, NULL, 0, PERMISSION_UNWRAP, "api-1"));
	assert_false(may(&policy, 0, 0, NULL, 0, PERMISSION_UNWRAP, "api-1")); /* root */
	policy_match(&policy, 0, 33, NULL, 0, &grants);
	assert_true(policy_allows_some(&grants, PERMISSION_STATUS));
	assert_false(policy_allows_some(&grants, PERMISSION_METRICS));
	assert_int_equal(policy_permissions(&policy, &grants, "api-1"),
		1u << PERMISSION_UNWRAP | 1u << PERMISSION_STATUS);
	assert_int_equal(policy_permissions(&policy, &grants, "other"), 0);
	policy_deinit(&policy);
}

static void test_groups_count_primary_or_supplementary(void **state)
{
	char *operations[] = {(char *)"wrap"};
	Rule rule = rule_of("group", operations, 1), *rules[] = {&rule};
	uint32_t gid = 50;
	struct policy policy;

	rule.gid = &gid;
	rule.n_gid = 1;
	policy = load(rules, 1);
	assert_true(may(&policy, 1, 1000, (gid_t[]){7, 50}, 2, PERMISSION_WRAP, "login"));
	assert_false(may(&policy, 1, 1000, (gid_t[]){7, 51}, 2, PERMISSION_WRAP, "login"));
	assert_false(may(&policy, 1, 50, NULL, 0, PERMISSION_WRAP, "login"));
	policy_deinit(&policy);
}

static void test_anyone_is_not_an_unmapped_uid(void **state)
{
	char *operations[] = {(char *)"wrap"};
	Rule rule = rule_of("all", operations, 1), *rules[] = {&rule};
	struct policy policy;

	rule.anyone = true;
	policy = load(rules, 1);
	assert_true(may(&policy, 0, 12345, NULL, 0, PERMISSION_WRAP, "login"));
	assert_false(may(&policy, 0, POLICY_UID_UNMAPPED, NULL, 0, PERMISSION_WRAP, "login"));
	policy_deinit(&policy);
}

static void test_many_rules_add_up(void **state)
{
	char *operations[] = {(char *)"wrap"}, *last[] = {(char *)"restore"};
	static Rule rules[POLICY_RULES_MAX];
	static Rule *pointers[POLICY_RULES_MAX + 1];
	struct policy policy;
	char why[100] = "";

	for (size_t i = 0; i < POLICY_RULES_MAX; i++) {
		rules[i] = rule_of("r", i == POLICY_RULES_MAX - 1 ? last : operations, 1);
		rules[i].anyone = true;
		pointers[i] = &rules[i];
	}
	policy = load(pointers, POLICY_RULES_MAX);
	assert_true(may(&policy, 0, 1, NULL, 0, PERMISSION_RESTORE, "login"));
	policy_deinit(&policy);
	pointers[POLICY_RULES_MAX] = &rules[0];
	assert_int_equal(policy_load(pointers, POLICY_RULES_MAX + 1, listeners, 2, &policy, why, sizeof(why)), -E2BIG);
	assert_non_null(strstr(why, "256"));
}

static void test_names_that_nobody_knows(void **state)
{
	char *operations[] = {(char *)"unwrapp"}, *good[] = {(char *)"unwrap"}, *nowhere[] = {(char *)"nowhere"};
	Rule rule = rule_of("typo", operations, 1), *rules[] = {&rule};
	struct policy policy;
	char why[100] = "";

	assert_int_equal(policy_load(rules, 1, listeners, 2, &policy, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "unwrapp"));
	rule = rule_of("typo", good, 1);
	rule.listener = nowhere;
	rule.n_listener = 1;
	assert_int_equal(policy_load(rules, 1, listeners, 2, &policy, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "nowhere"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_granted_without_a_rule),
		cmocka_unit_test(test_a_rule_grants_what_it_names_and_no_more),
		cmocka_unit_test(test_groups_count_primary_or_supplementary),
		cmocka_unit_test(test_anyone_is_not_an_unmapped_uid),
		cmocka_unit_test(test_many_rules_add_up),
		cmocka_unit_test(test_names_that_nobody_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
