/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/broker/policy/explain.h"
#include "daemon/broker/policy/rule.h"

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
