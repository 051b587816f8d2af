/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/ground.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

static int take_own(const struct config *config, struct state *ret_state, struct listeners *ret_listeners)
{
	int r = state_open(config->state_directory, config->split_uids, ret_state);

	if (r < 0)
		return r;
	r = listeners_open(config->listeners, config->n_listeners, ret_listeners);
	if (r < 0)
		state_close(ret_state);
	return r;
}

static int take_handed(const struct config *config, struct inheritance *inheritance, struct state *ret_state,
	struct listeners *ret_listeners)
{
	struct handed *handed = &inheritance->handed;
	int r;

	if (strcmp(handed->state_directory, config->state_directory) != 0) {
		log_error("state-directory has changed: that needs a restart");
		return -EINVAL;
	}
	r = state_take(config->state_directory, handed->state, ret_state);
	if (r < 0)
		return r;
	r = listeners_take(config->listeners, config->n_listeners, handed->listeners, handed->n_listeners,
		ret_listeners);
	if (r < 0)
		state_close(ret_state);
	else if (!inheritance->heir)
		listeners_inherit(ret_listeners, config->listeners, handed->listeners, handed->n_listeners);
	return r;
}

int ground_take(const struct config *config, struct inheritance *inheritance, struct state *ret_state,
	struct listeners *ret_listeners)
{
	return inheritance == NULL ? take_own(config, ret_state, ret_listeners)
				   : take_handed(config, inheritance, ret_state, ret_listeners);
}
