/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/net/peer.h"
#include "daemon/broker/policy/quota.h"
#include "daemon/broker/request/refusal.h"

enum { SAME_US = 60 * 1000000 };

_Static_assert(PERMISSION_COUNT <= 32, "quota.h: struct log_lines");

void refusal_text(const struct broker *broker, const struct question *question, unsigned missing,
	const struct policy_rule *rule, char *text, size_t size)
{
	policy_explain_text(question, broker->server.listeners[question->listener].name, missing, rule, text, size);
}

/* Of a user each permission once in a while. */
static bool is_due(struct broker *broker, const struct peer *peer, enum permission permission)
{
	struct log_lines *lines = &peer->user->lines;
	const uint64_t now = broker->turn.now;

	if (now >= lines->told_until_us) {
		lines->told = 0;
		lines->told_until_us = now + SAME_US;
	}
	if (lines->told >> permission & 1) {
		lines->refusals_untold++;
		return false;
	}
	lines->told |= UINT32_C(1) << permission;
	return true;
}

void refusal_log(struct broker *broker, const struct peer *peer, enum permission permission, const char *key)
{
	struct log_lines *lines = &peer->user->lines;
	struct question question = {.listener = peer->listener_index,
		.uid = peer->uid,
		.permission = (int)permission,
		.key = key};
	const struct policy_rule *rule;
	gid_t gids[PEER_GROUPS_MAX];
	char text[REFUSAL_MAX];
	unsigned missing;

	if (!is_due(broker, peer, permission))
		return;
	question.gids = gids;
	question.n_gids = peer_groups(peer, gids);
	missing = policy_explain(&broker->policy, &question, &rule);
	refusal_text(broker, &question, missing, rule, text, sizeof(text));
	log_info("refused: %s%s%s to uid %u at listener %s: %s", permission_name(permission),
		key[0] != '\0' ? " on key " : "", key, peer->uid, peer->listener, text);
	if (lines->refusals_untold > 0)
		log_info("refused: %" PRIu64
			 " requests of uid %u at listener %s before this one, which were not told one by "
			 "one",
			lines->refusals_untold, peer->uid, peer->listener);
	lines->refusals_untold = 0;
}
