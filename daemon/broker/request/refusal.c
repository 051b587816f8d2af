/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/net/peer.h"
#include "daemon/broker/request/refusal.h"

enum {
	SAME_US = 60 * 1000000,
	ANY_US = 1000000,
};

void refusal_text(const struct broker *broker, const struct question *question, unsigned missing,
	const struct policy_rule *rule, char *text, size_t size)
{
	policy_explain_text(question, broker->server.listeners[question->listener].name, missing, rule, text, size);
}

/* The place of a refusal like this one among those that were told last, or the oldest place. */
static struct refused *place_of(struct refusals *refusals, const struct refused *refused)
{
	struct refused *oldest = &refusals->last[0];

	for (size_t i = 0; i < REFUSALS_KEPT; i++) {
		struct refused *place = &refusals->last[i];

		if (place->uid == refused->uid && place->listener == refused->listener &&
			place->permission == refused->permission && place->until > 0)
			return place;
		if (place->until < oldest->until)
			oldest = place;
	}
	oldest->until = 0;
	return oldest;
}

static bool is_due(struct broker *broker, const struct refused *refused)
{
	struct refusals *refusals = &broker->refusals;
	struct refused *place = place_of(refusals, refused);
	const uint64_t now = broker->turn.now;

	if (now < refusals->until || now < place->until) {
		refusals->untold++;
		return false;
	}
	*place = *refused;
	place->until = now + SAME_US;
	refusals->until = now + ANY_US;
	return true;
}

void refusal_log(struct broker *broker, const struct peer *peer, enum permission permission, const char *key)
{
	const struct refused refused = {.uid = peer->uid,
		.listener = peer->listener_index,
		.permission = (int)permission};
	struct question question = {.listener = peer->listener_index,
		.uid = peer->uid,
		.permission = (int)permission,
		.key = key};
	const struct policy_rule *rule;
	gid_t gids[PEER_GROUPS_MAX];
	char text[REFUSAL_MAX];
	unsigned missing;

	if (!is_due(broker, &refused))
		return;
	question.gids = gids;
	question.n_gids = peer_groups(peer, gids);
	missing = policy_explain(&broker->policy, &question, &rule);
	refusal_text(broker, &question, missing, rule, text, sizeof(text));
	log_info("refused: %s%s%s to uid %u at listener %s: %s", permission_name(permission),
		key[0] != '\0' ? " on key " : "", key, peer->uid, peer->listener, text);
	if (broker->refusals.untold > 0)
		log_info("refused: %" PRIu64 " requests before this one, which were not told one by one",
			broker->refusals.untold);
	broker->refusals.untold = 0;
}
