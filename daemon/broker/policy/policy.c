/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/policy/policy.h"
#include "daemon/broker/policy/rule.h"

static int copy_ids(const uint32_t *ids, size_t n, uint32_t **ret_ids, size_t *ret_n)
{
	uint32_t *copy = calloc(n > 0 ? n : 1, sizeof(*copy));

	if (!copy)
		return log_origin(-ENOMEM);
	if (n > 0)
		memcpy(copy, ids, n * sizeof(*copy));
	*ret_ids = copy;
	*ret_n = n;
	return 0;
}

static int copy_keys(struct policy_rule *to, char *const *keys, size_t n)
{
	to->keys = calloc(n > 0 ? n : 1, sizeof(*to->keys));
	if (!to->keys)
		return log_origin(-ENOMEM);
	for (; to->n_keys < n; to->n_keys++) {
		to->keys[to->n_keys] = strdup(keys[to->n_keys]);
		if (!to->keys[to->n_keys])
			return log_origin(-ENOMEM);
	}
	return 0;
}

static int load_listeners(struct policy_rule *to, const Rule *from, char *const *listeners, size_t n_listeners,
	char *ret_why, size_t why_size)
{
	if (from->n_listener == 0)
		to->listeners = UINT64_MAX;
	for (size_t i = 0; i < from->n_listener; i++) {
		size_t j = 0;

		while (j < n_listeners && strcmp(listeners[j], from->listener[i]) != 0)
			j++;
		if (j == n_listeners || j >= 64) {
			snprintf(ret_why, why_size, "rule %s: no listener %s", from->name, from->listener[i]);
			return -EINVAL;
		}
		to->listeners |= UINT64_C(1) << j;
	}
	return 0;
}

static int load_permissions(struct policy_rule *to, const Rule *from, char *ret_why, size_t why_size)
{
	for (size_t i = 0; i < from->n_operation; i++) {
		int permission = permission_find(from->operation[i]);

		if (permission < 0) {
			snprintf(ret_why, why_size, "rule %s: no operation %s", from->name, from->operation[i]);
			return -EINVAL;
		}
		to->permissions |= UINT32_C(1) << permission;
	}
	return 0;
}

static int load_rule(struct policy_rule *to, const Rule *from, char *const *listeners, size_t n_listeners,
	char *ret_why, size_t why_size)
{
	int r;

	to->anyone = from->anyone;
	to->name = strdup(from->name);
	if (!to->name)
		return log_origin(-ENOMEM);
	r = load_listeners(to, from, listeners, n_listeners, ret_why, why_size);
	if (r == 0)
		r = load_permissions(to, from, ret_why, why_size);
	if (r == 0)
		r = copy_ids(from->uid, from->n_uid, &to->uids, &to->n_uids);
	if (r == 0)
		r = copy_ids(from->gid, from->n_gid, &to->gids, &to->n_gids);
	if (r == 0)
		r = copy_keys(to, from->key, from->n_key);
	return r;
}

int policy_load(Rule *const *rules, size_t n_rules, char *const *listeners, size_t n_listeners,
	struct policy *ret_policy, char *ret_why, size_t why_size)
{
	struct policy policy = {0};
	int r = 0;

	if (n_rules > POLICY_RULES_MAX) {
		snprintf(ret_why, why_size, "more than %d rules", POLICY_RULES_MAX);
		return -E2BIG;
	}
	policy.rules = calloc(n_rules > 0 ? n_rules : 1, sizeof(*policy.rules));
	if (!policy.rules)
		return log_origin(-ENOMEM);
	while (r == 0 && policy.n_rules < n_rules) {
		r = load_rule(&policy.rules[policy.n_rules], rules[policy.n_rules], listeners, n_listeners, ret_why,
			why_size);
		policy.n_rules++;
	}
	if (r < 0) {
		if (r == -ENOMEM)
			snprintf(ret_why, why_size, "out of memory");
		policy_deinit(&policy);
		return r;
	}
	*ret_policy = policy;
	return 0;
}

void policy_deinit(struct policy *policy)
{
	for (size_t i = 0; i < policy->n_rules; i++) {
		struct policy_rule *rule = &policy->rules[i];

		for (size_t j = 0; j < rule->n_keys; j++)
			free(rule->keys[j]);
		free(rule->keys);
		free(rule->name);
		free(rule->uids);
		free(rule->gids);
	}
	free(policy->rules);
	*policy = (struct policy){0};
}

static bool contains(const uint32_t *ids, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++) {
		if (ids[i] == id)
			return true;
	}
	return false;
}

bool rule_listens(const struct policy_rule *rule, size_t listener)
{
	return listener < 64 && (rule->listeners >> listener & 1);
}

bool rule_names_user(const struct policy_rule *rule, uid_t uid, const gid_t *gids, size_t n_gids)
{
	if (uid == POLICY_UID_UNMAPPED)
		return false;
	if (rule->anyone || contains(rule->uids, rule->n_uids, uid))
		return true;
	for (size_t i = 0; i < n_gids; i++) {
		if (contains(rule->gids, rule->n_gids, gids[i]))
			return true;
	}
	return false;
}

void policy_match(const struct policy *policy, size_t listener, uid_t uid, const gid_t *gids, size_t n_gids,
	struct grants *ret_grants)
{
	struct grants grants = {0};

	for (size_t i = 0; i < policy->n_rules; i++) {
		if (!rule_listens(&policy->rules[i], listener) ||
			!rule_names_user(&policy->rules[i], uid, gids, n_gids))
			continue;
		grants.rules[i / 64] |= UINT64_C(1) << (i % 64);
		grants.permissions |= policy->rules[i].permissions;
	}
	*ret_grants = grants;
}

bool rule_names_key(const struct policy_rule *rule, const char *key)
{
	for (size_t i = 0; i < rule->n_keys; i++) {
		if (strcmp(rule->keys[i], "*") == 0 || fnmatch(rule->keys[i], key, 0) == 0)
			return true;
	}
	return false;
}

/* The wanted permissions that the rules grant on this key. */
static uint32_t granted(const struct policy *policy, const struct grants *grants, uint32_t wanted, const char *key)
{
	uint32_t found = 0;

	for (size_t word = 0; word < POLICY_RULES_MAX / 64; word++) {
		for (uint64_t bits = grants->rules[word]; bits && found != wanted; bits &= bits - 1) {
			const struct policy_rule *rule = &policy->rules[word * 64 + (size_t)__builtin_ctzll(bits)];
			uint32_t news = rule->permissions & wanted & ~found;

			if (news && rule_names_key(rule, key))
				found |= news;
		}
	}
	return found;
}

uint32_t policy_permissions(const struct policy *policy, const struct grants *grants, const char *key)
{
	return granted(policy, grants, grants->permissions, key);
}

bool policy_allows(const struct policy *policy, const struct grants *grants, enum permission permission,
	const char *key)
{
	return granted(policy, grants, UINT32_C(1) << permission, key) != 0;
}

bool policy_allows_some(const struct grants *grants, enum permission permission)
{
	return grants->permissions >> permission & 1;
}
