/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "daemon/broker/lifecycle/change_data.h"
#include "daemon/shared/testhook.h"

#define BACK_OFF_US (UINT64_C(5) * 1000000)
#define BACK_OFF_MAX_US (UINT64_C(3600) * 1000000)

static const struct {
	const char *op;       /* in the intent */
	const char *steps[3]; /* for the tests: after intent, token, result */
} kinds[] = {
	[CHANGE_CREATE] = {"create", {"create.intended", "create.generated", "create.recorded"}},
	[CHANGE_ROTATE] = {"rotate", {"rotate.intended", "rotate.generated", "rotate.recorded"}},
	[CHANGE_IMPORT] = {"import", {"import.intended", "import.generated", "import.recorded"}},
	[CHANGE_ADOPT] = {"adopt", {"adopt.intended", "adopt.generated", "adopt.recorded"}},
	[CHANGE_DESTROY] = {"destroy", {"destroy.intended", "destroy.done", "destroy.recorded"}},
	[CHANGE_MOVE] = {"state", {"state.intended", "state.done", "state.recorded"}},
	[CHANGE_SCHEDULE] = {"schedule", {"schedule.intended", "schedule.done", "schedule.recorded"}},
	[CHANGE_ALIAS] = {"alias", {"alias.intended", "alias.done", "alias.recorded"}},
	[CHANGE_RESTORE] = {"restore", {"restore.intended", "restore.done", "restore.recorded"}},
};

const char *change_op(const struct change *change)
{
	return kinds[change->kind].op;
}

void change_step(const struct change *change, enum change_step step)
{
	testhook_step(kinds[change->kind].steps[step]);
}

bool change_kid_taken(const struct change *change, const char *kid)
{
	const struct link *changes = &change->broker->steps.changes;

	for (const struct link *link = changes->next; link != changes; link = link->next) {
		const struct change *other = list_entry(link, struct change, link);

		if (other != change && (strcmp(other->kid, kid) == 0 || strcmp(other->made, kid) == 0))
			return true;
	}
	return false;
}

void change_free(struct change *change)
{
	list_remove(&change->link);
	timer_clear(&change->broker->turn.timers, &change->timer);
	if (change->key && change->key->change == change)
		change->key->change = NULL;
	free(change->job.packed);
	free(change->append.receipt);
	free(change);
}

static struct pause *pause_of(struct key *key, struct version *destroyed)
{
	return destroyed ? &destroyed->destroy_pause : &key->pause;
}

void change_back_off(struct broker *broker, struct key *key, struct version *destroyed)
{
	struct pause *pause = pause_of(key, destroyed);
	uint64_t wait = pause->failures < 10 ? BACK_OFF_US << pause->failures : BACK_OFF_MAX_US;

	pause->failures++;
	pause->until = broker->turn.now + (wait < BACK_OFF_MAX_US ? wait : BACK_OFF_MAX_US);
}

void change_went_well(struct key *key, struct version *destroyed)
{
	*pause_of(key, destroyed) = (struct pause){0};
}
