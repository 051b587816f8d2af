/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "daemon/broker/lifecycle/change_data.h"
#include "daemon/shared/testhook.h"

enum { BACK_OFF_US = 5000000 };

static const struct {
	const char *op;  /* in the intent */
	const char *steps[3]; /* for the tests: after intent, token, result */
} kinds[] = {
	[CHANGE_CREATE] = {"create", {"create.intended", "create.generated", "create.recorded"}},
	[CHANGE_ROTATE] = {"rotate", {"rotate.intended", "rotate.generated", "rotate.recorded"}},
	[CHANGE_IMPORT] = {"import", {"import.intended", "import.generated", "import.recorded"}},
	[CHANGE_ADOPT] = {"adopt", {"adopt.intended", "adopt.generated", "adopt.recorded"}},
	[CHANGE_DESTROY] = {"destroy", {"destroy.intended", "destroy.done", "destroy.recorded"}},
	[CHANGE_MOVE] = {"state", {"state.intended", "state.done", "state.recorded"}},
	[CHANGE_SCHEDULE] = {"schedule", {"schedule.intended", "schedule.done", "schedule.recorded"}},
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

void change_free(struct change *change)
{
	list_remove(&change->link);
	timer_clear(&change->broker->turn.timers, &change->timer);
	if (change->key && change->key->change == change)
		change->key->change = NULL;
	free(change->job.packed);
	free(change);
}

void change_back_off(struct broker *broker, struct key *key)
{
	key->rotate_again = broker->turn.now + BACK_OFF_US;
}
