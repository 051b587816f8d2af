/* SPDX-License-Identifier: Apache-2.0 */
#include <fnmatch.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/broker/policy/rule.h"
#include "daemon/parent/host/accounts.h"
#include "daemon/rulebook/open.h"
#include "daemon/rulebook/rulebook.h"
#include "proto/alg.h"

enum {
	GROUPS = 1024,
};

struct telling {
	const struct rulebook *book;
	const char *rule;
	void (*tell)(void *owner, const char *rule, const char *text);
	void *owner;
};

static void warn(const struct telling *telling, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void warn(const struct telling *telling, const char *format, ...)
{
	char text[RULEBOOK_TEXT];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	telling->tell(telling->owner, telling->rule, text);
}

/* ---- keys ------------------------------------------------------------------------------------------------------- */

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

static bool is_pattern(const char *key)
{
	return key[strcspn(key, "*?[\\")] != '\0';
}

/* A class may hold any character, and a backslash stands before what it means. */
static bool can_match(const char *key)
{
	if (!is_pattern(key))
		return key_name_valid(key);
	if (key[strcspn(key, "[\\")] != '\0')
		return true;
	return key[0] != '.' && key[strspn(key, NAME_CHARACTERS "*?")] == '\0';
}

/* Whether each key that one matches is matched by the other: told where that is easily seen. */
static bool covers(const char *key, const char *other)
{
	return strcmp(key, other) == 0 || strcmp(key, "*") == 0 || (!is_pattern(other) && fnmatch(key, other, 0) == 0);
}

static bool names_keys(const struct policy_rule *rule)
{
	for (int i = 0; i < PERMISSION_COUNT; i++)
		if (rule->permissions >> i & 1 && permission_names_key(i))
			return true;
	return false;
}

static void look_at_keys(const struct telling *telling, const struct policy_rule *rule)
{
	if (rule->n_keys == 0 && names_keys(rule))
		warn(telling, "it names no keys: operations on keys are granted on none");
	for (size_t i = 0; i < rule->n_keys; i++) {
		if (!can_match(rule->keys[i]))
			warn(telling, "keys: \"%s\" matches no name that a key can have", rule->keys[i]);
		for (size_t j = 0; j < rule->n_keys; j++)
			if (i != j && covers(rule->keys[j], rule->keys[i]) &&
				!(j > i && covers(rule->keys[i], rule->keys[j]))) {
				warn(telling, "keys: \"%s\" adds nothing to \"%s\"", rule->keys[i], rule->keys[j]);
				break;
			}
	}
}

/* ---- users ------------------------------------------------------------------------------------------------------ */

static bool opens_some(const struct rulebook *book, const struct policy_rule *rule, uid_t uid)
{
	const struct passwd *user = getpwuid(uid);
	static gid_t gids[GROUPS];
	int n = GROUPS;

	if (user == NULL || getgrouplist(user->pw_name, user->pw_gid, gids, &n) < 0)
		return true; /* nobody knows */
	for (size_t i = 0; i < book->config->n_listeners; i++)
		if (rule_listens(rule, i) && open_allows(&book->config->listeners[i], uid, gids, (size_t)n))
			return true;
	return false;
}

static void look_at_user(const struct telling *telling, const struct policy_rule *rule, uid_t uid)
{
	if (uid == POLICY_UID_UNMAPPED)
		warn(telling, "users: uid %u stands for users that are not mapped here, and never matches",
			(unsigned)uid);
	else if (!account_uid_known(uid))
		warn(telling, "users: no user here has the number %u", (unsigned)uid);
	else if (!opens_some(telling->book, rule, uid))
		warn(telling, "users: %s (%u) can open none of the rule's sockets: see their mode, owner and group",
			getpwuid(uid)->pw_name, (unsigned)uid);
}

static void look_at_users(const struct telling *telling, const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->n_uids; i++)
		look_at_user(telling, rule, rule->uids[i]);
	for (size_t i = 0; i < rule->n_gids; i++)
		if (!account_gid_known(rule->gids[i]))
			warn(telling, "groups: no group here has the number %u", (unsigned)rule->gids[i]);
	if (rule->anyone && rule->n_uids + rule->n_gids > 0)
		warn(telling, "anyone = true: the users and groups beside it add nothing");
}

/* ---- rules that others cover ------------------------------------------------------------------------------------ */

static bool has_all(const uint32_t *ids, size_t n, const uint32_t *of, size_t n_of)
{
	for (size_t i = 0; i < n_of; i++) {
		size_t j = 0;

		while (j < n && ids[j] != of[i])
			j++;
		if (j == n)
			return false;
	}
	return true;
}

static bool has_keys(const struct policy_rule *rule, const struct policy_rule *of)
{
	for (size_t i = 0; i < of->n_keys; i++) {
		size_t j = 0;

		while (j < rule->n_keys && !covers(rule->keys[j], of->keys[i]))
			j++;
		if (j == rule->n_keys)
			return false;
	}
	return true;
}

static bool rule_covers(const struct policy_rule *rule, const struct policy_rule *other)
{
	const bool users = rule->anyone ||
		(!other->anyone && has_all(rule->uids, rule->n_uids, other->uids, other->n_uids) &&
			has_all(rule->gids, rule->n_gids, other->gids, other->n_gids));

	return users && (other->listeners & ~rule->listeners) == 0 && (other->permissions & ~rule->permissions) == 0 &&
		has_keys(rule, other);
}

/* Of two that say the same the second is told. */
static void look_at_others(const struct telling *telling, const struct policy *policy, size_t i)
{
	const struct policy_rule *rule = &policy->rules[i];

	for (size_t j = 0; j < policy->n_rules; j++) {
		const struct policy_rule *other = &policy->rules[j];

		if (i == j || !rule_covers(other, rule) || (j > i && rule_covers(rule, other)))
			continue;
		warn(telling, "it grants nothing that rule \"%s\" does not", other->name);
		return;
	}
}

static void look_at_listeners(struct telling *telling)
{
	const struct rulebook *book = telling->book;

	telling->rule = NULL;
	if (book->policy.n_rules == 0)
		warn(telling, "there are no rules: nobody may do anything");
	for (size_t i = 0; book->policy.n_rules > 0 && i < book->config->n_listeners; i++) {
		size_t j = 0;

		while (j < book->policy.n_rules && !rule_listens(&book->policy.rules[j], i))
			j++;
		if (j == book->policy.n_rules)
			warn(telling, "no rule speaks of listener \"%s\": nobody may do anything there",
				book->listeners[i]);
	}
}

void rulebook_warn(const struct rulebook *book, void (*tell)(void *owner, const char *rule, const char *text),
	void *owner)
{
	struct telling telling = {.book = book, .tell = tell, .owner = owner};

	for (size_t i = 0; i < book->policy.n_rules; i++) {
		const struct policy_rule *rule = &book->policy.rules[i];

		telling.rule = rule->name;
		look_at_users(&telling, rule);
		look_at_keys(&telling, rule);
		look_at_others(&telling, &book->policy, i);
	}
	look_at_listeners(&telling);
}
