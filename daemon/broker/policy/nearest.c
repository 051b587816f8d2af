/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/broker/policy/nearest.h"
#include "daemon/broker/policy/rule.h"

enum { WORDS_MAX = 128 };

static unsigned lacks(const struct policy_rule *rule, const struct question *question)
{
	const uint32_t wanted = question->permission < 0 ? UINT32_MAX : UINT32_C(1) << question->permission;
	unsigned missing = 0;

	if (!rule_listens(rule, question->listener))
		missing |= MISSING_LISTENER;
	if (!rule_names_user(rule, question->uid, question->gids, question->n_gids))
		missing |= MISSING_USER;
	if (!(rule->permissions & wanted))
		missing |= MISSING_OPERATION;
	if (question->key[0] != '\0' && !rule_names_key(rule, question->key))
		missing |= MISSING_KEY;
	return missing;
}

/* One lack is nearer than any two; of those with one, a rule that only needs another user is what one looks for. */
static unsigned distance(unsigned missing)
{
	static const unsigned weights[] = {13, 10, 12, 11}; /* listener, user, operation, key */
	unsigned sum = 0;

	for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++)
		sum += missing >> i & 1 ? weights[i] : 0;
	return sum;
}

unsigned policy_explain(const struct policy *policy, const struct question *question,
	const struct policy_rule **ret_rule)
{
	unsigned best = MISSING_LISTENER | MISSING_USER | MISSING_OPERATION | MISSING_KEY;

	*ret_rule = NULL;
	for (size_t i = 0; i < policy->n_rules; i++) {
		unsigned missing = lacks(&policy->rules[i], question);

		if (*ret_rule && distance(missing) >= distance(best))
			continue;
		best = missing;
		*ret_rule = &policy->rules[i];
	}
	return best;
}

const char *rule_name(const struct policy_rule *rule)
{
	return rule->name;
}

struct words {
	char *text;
	size_t size, len;
};

static void add(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A word that has no room leaves a mark in its place, and ends the text. */
static void add(struct words *words, const char *format, ...)
{
	static const char mark[] = "\xe2\x80\xa6";
	size_t room = words->size - words->len;
	va_list args;
	int n;

	if (room == 0)
		return;
	va_start(args, format);
	n = vsnprintf(words->text + words->len, room, format, args);
	va_end(args);
	if (n >= 0 && (size_t)n + sizeof(mark) <= room) {
		words->len += (size_t)n;
		return;
	}
	if (room >= sizeof(mark))
		memcpy(words->text + words->len, mark, sizeof(mark));
	else
		words->text[words->len] = '\0';
	words->len = words->size;
}

static void add_ids(struct words *words, const char *what, const uint32_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add(words, i == 0 ? "%s%s %u" : "%s%s%u", i == 0 ? "" : ", ", i == 0 ? what : "", ids[i]);
}

const char *rule_users(const struct policy_rule *rule, char *text, size_t size)
{
	struct words words = {.text = text, .size = size};

	text[0] = '\0';
	if (rule->anyone)
		add(&words, "everybody");
	add_ids(&words, rule->anyone ? " and users" : "users", rule->uids, rule->n_uids);
	add_ids(&words, rule->n_uids > 0 || rule->anyone ? " and groups" : "groups", rule->gids, rule->n_gids);
	return text;
}

const char *rule_keys(const struct policy_rule *rule, char *text, size_t size)
{
	struct words words = {.text = text, .size = size};

	text[0] = '\0';
	for (size_t i = 0; i < rule->n_keys; i++)
		add(&words, "%s%s", i == 0 ? "" : ", ", rule->keys[i]);
	return text;
}

static const char *wanted(const struct question *question)
{
	return question->permission < 0 ? "anything" : permission_name((enum permission)question->permission);
}

/* "on listener main" and what else: the parts that do not meet, in the order in which one mends them. */
static void list_lacks(unsigned missing, char *text, size_t size)
{
	static const char *const names[] = {"listener", "user", "operation", "key"};
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && len < size; i++) {
		if (missing >> i & 1)
			len += (size_t)snprintf(text + len, size - len, "%s%s", len > 0 ? ", " : "", names[i]);
	}
}

void policy_explain_text(const struct question *question, const char *listener, unsigned missing,
	const struct policy_rule *rule, char *text, size_t size)
{
	char words[WORDS_MAX];

	if (!rule)
		snprintf(text, size, "there are no rules");
	else if (missing == 0)
		snprintf(text, size, "rule \"%s\" allows it", rule_name(rule));
	else if (question->uid == POLICY_UID_UNMAPPED)
		snprintf(text, size,
			"uid %u stands for all users that cekd's user namespace does not map: no rule counts for it",
			question->uid);
	else if (missing == MISSING_USER)
		snprintf(text, size, "rule \"%s\" allows it to %s, and neither uid %u nor a group of it is among them",
			rule_name(rule), rule_users(rule, words, sizeof(words)), question->uid);
	else if (missing == MISSING_KEY)
		snprintf(text, size, "rule \"%s\" allows %s on the keys %s, and not on \"%s\"", rule_name(rule),
			wanted(question), rule_keys(rule, words, sizeof(words)), question->key);
	else if (missing == MISSING_OPERATION)
		snprintf(text, size, "rule \"%s\" names uid %u%s, but not the operation %s", rule_name(rule),
			question->uid, question->key[0] != '\0' ? " and the key" : "", wanted(question));
	else if (missing == MISSING_LISTENER)
		snprintf(text, size, "rule \"%s\" allows it at other listeners, and not at \"%s\"", rule_name(rule),
			listener);
	else {
		list_lacks(missing, words, sizeof(words));
		snprintf(text, size, "no rule comes near it; the nearest, \"%s\", does not name this %s",
			rule_name(rule), words);
	}
}

uint32_t policy_allowed(const struct policy *policy, const struct grants *grants, const char *key)
{
	uint32_t found = 0;

	for (int i = 0; i < PERMISSION_COUNT; i++) {
		const enum permission permission = (enum permission)i;

		if (key[0] != '\0' && permission_names_key(i) ? policy_allows(policy, grants, permission, key)
							      : policy_allows_some(grants, permission))
			found |= UINT32_C(1) << i;
	}
	return found;
}
