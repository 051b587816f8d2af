/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a peer may not do something, in words for operators: in the log, and for who may know (rpc/explain.c). A peer
 * that is refused hears no more than that.
 */
#pragma once

#include "daemon/broker/context/context.h"
#include "daemon/broker/policy/nearest.h"

enum { REFUSAL_MAX = 512 };

/* One line about a question whose nearest rule (NULL: there is no rule) lacks these. */
void refusal_text(const struct broker *broker, const struct question *question, unsigned missing,
	const struct policy_rule *rule, char *text, size_t size);

/* The rules refuse this to a peer (key "": it names none): say so in the log, with the rule that comes nearest. A peer
 * that tries again and again does not fill it: one line a minute about the same, and one a second in all. */
void refusal_log(struct broker *broker, const struct peer *peer, enum permission permission, const char *key);
