/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rule allows something, or comes nearest to it, and what it lacks: for operators. Who decides is policy.h alone.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "daemon/broker/policy/policy.h"

enum explain_missing {
	MISSING_LISTENER = 1,
	MISSING_USER = 2,
	MISSING_OPERATION = 4,
	MISSING_KEY = 8,
};

struct question {
	size_t listener;
	uid_t uid;
	const gid_t *gids;
	size_t n_gids;
	int permission;  /* enum permission; -1: any */
	const char *key; /* "": any */
};

/* The rule that allows it: 0. Otherwise the one that comes nearest, and the bits of enum explain_missing that it lacks;
 * without any rule all of them and NULL. The rule belongs to the policy. */
unsigned policy_explain(const struct policy *policy, const struct question *question,
	const struct policy_rule **ret_rule);

const char *rule_name(const struct policy_rule *rule);

/* "users 1001, 1002 and groups 998", "everybody"; "api-*, tokens"; what has no room is cut off with "…". Return text.
 */
const char *rule_users(const struct policy_rule *rule, char *text, size_t size);
const char *rule_keys(const struct policy_rule *rule, char *text, size_t size);

/* One line about a question whose nearest rule (NULL: there is no rule) lacks these. listener: its name. */
void policy_explain_text(const struct question *question, const char *listener, unsigned missing,
	const struct policy_rule *rule, char *text, size_t size);

/* What these grants allow on the key of this name, or on some key (""): bits, 1 << enum permission. */
uint32_t policy_allowed(const struct policy *policy, const struct grants *grants, const char *key);
