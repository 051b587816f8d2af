/* SPDX-License-Identifier: Apache-2.0 */
/* As rpc/explain.c of the broker, by the same functions of policy/. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "daemon/broker/policy/nearest.h"
#include "daemon/rulebook/open.h"
#include "daemon/rulebook/rulebook.h"
#include "proto/alg.h"

static int find_listener(const struct rulebook *book, const char *name, size_t *ret_listener,
	char ret_error[RULEBOOK_TEXT])
{
	for (size_t i = 0; i < book->config->n_listeners; i++)
		if (strcmp(book->listeners[i], name) == 0) {
			*ret_listener = i;
			return 0;
		}
	(void)snprintf(ret_error, RULEBOOK_TEXT, "there is no listener \"%s\" in this file", name);
	return -EINVAL;
}

static int check(const struct rulebook_question *from, struct question *ret_question, char ret_error[RULEBOOK_TEXT])
{
	*ret_question = (struct question){.uid = from->uid, .gids = from->gids, .n_gids = from->n_gids};
	ret_question->permission = *from->operation != '\0' ? permission_find(from->operation) : -1;
	if (*from->operation != '\0' && ret_question->permission < 0)
		(void)snprintf(ret_error, RULEBOOK_TEXT, "\"%s\" is no operation that a rule can grant (cekd.conf(5))",
			from->operation);
	else if (*from->key != '\0' && !key_name_valid(from->key))
		(void)snprintf(ret_error, RULEBOOK_TEXT, "\"%s\" is no key name", from->key);
	else {
		ret_question->key = ret_question->permission >= 0 && !permission_names_key(ret_question->permission)
			? ""
			: from->key;
		return 0;
	}
	return -EINVAL;
}

/* At the listener of the question: what is allowed, and whether that answers it. */
static bool decide(const struct rulebook *book, const struct question *question, uint32_t *ret_allowed)
{
	struct grants grants;

	policy_match(&book->policy, question->listener, question->uid, question->gids, question->n_gids, &grants);
	*ret_allowed = policy_allowed(&book->policy, &grants, question->key);
	return question->permission < 0 ? *ret_allowed != 0 : *ret_allowed >> question->permission & 1;
}

/* What a listener is worth as an answer: allowed where the socket can be opened, allowed, or with how much missing. */
static unsigned distance(const struct rulebook *book, const struct question *question)
{
	const struct listener_wanted *listener = &book->config->listeners[question->listener];
	const struct policy_rule *rule;
	uint32_t allowed;

	if (!decide(book, question, &allowed))
		return 2 + (unsigned)__builtin_popcount(policy_explain(&book->policy, question, &rule));
	return open_allows(listener, question->uid, question->gids, question->n_gids) ? 0 : 1;
}

static void choose_listener(const struct rulebook *book, struct question *question)
{
	unsigned best = UINT_MAX;
	size_t chosen = 0;

	for (size_t i = 0; i < book->config->n_listeners; i++) {
		question->listener = i;
		if (distance(book, question) >= best)
			continue;
		best = distance(book, question);
		chosen = i;
	}
	question->listener = chosen;
}

static void say_why(const struct rulebook *book, const struct question *question, struct rulebook_answer *answer)
{
	const struct listener_wanted *listener = &book->config->listeners[question->listener];
	const struct policy_rule *rule;
	const unsigned missing = policy_explain(&book->policy, question, &rule);
	size_t len;

	answer->rule = rule != NULL ? rule_name(rule) : NULL;
	policy_explain_text(question, listener->name, missing, rule, answer->why, sizeof(answer->why));
	if (!answer->allowed || open_allows(listener, question->uid, question->gids, question->n_gids))
		return;
	len = strlen(answer->why);
	(void)snprintf(answer->why + len, sizeof(answer->why) - len, "; but uid %u may not open %s (mode %04o)",
		(unsigned)question->uid, listener->path, (unsigned)listener->mode);
}

int rulebook_explain(const struct rulebook *book, const struct rulebook_question *from,
	struct rulebook_answer *ret_answer, char ret_error[RULEBOOK_TEXT])
{
	struct rulebook_answer answer = {0};
	struct question question;
	uint32_t allowed;
	int r = check(from, &question, ret_error);

	if (r == 0 && *from->listener != '\0')
		r = find_listener(book, from->listener, &question.listener, ret_error);
	if (r < 0)
		return r;
	if (*from->listener == '\0')
		choose_listener(book, &question);
	answer.allowed = decide(book, &question, &allowed);
	answer.listener = book->listeners[question.listener];
	for (int i = 0; i < PERMISSION_COUNT; i++)
		if (allowed >> i & 1)
			answer.operations[answer.n_operations++] = permission_name((enum permission)i);
	say_why(book, &question, &answer);
	*ret_answer = answer;
	return 0;
}
