/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/reload.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/log.h"
#include "daemon/parent/config/load.h"
#include "daemon/parent/config/restart.h"
#include "daemon/parent/tell.h"

/* next is freed with the old rules in it. */
static void take_over(struct config *running, struct config *next)
{
	Cek__Internal__V1__Rule **const rules = running->rules;
	const size_t n_rules = running->n_rules;

	running->rules = next->rules;
	running->n_rules = next->n_rules;
	running->limits = next->limits;
	next->rules = rules;
	next->n_rules = n_rules;
}

static void put_in_force(struct config *running, struct config *next, struct child *broker)
{
	const char *differs = config_needs_restart(running, next);
	int r;

	if (differs != NULL)
		log_warning("%s has changed: that needs a restart; rules and limits are taken now", differs);
	r = tell_reload(broker, next);
	if (r < 0) {
		log_error("the broker does not take the new rules: %s; they stay as they were", strerror(-r));
		return;
	}
	take_over(running, next);
	log_info("rules and limits are in force");
}

int reload(struct config *running, const char *path, struct child *broker)
{
	char error[CONFIG_ERROR_MAX];
	struct config *next;
	const char *rule;

	if (config_load(path, running->split_uids, &next, error) < 0) {
		log_error("%s; the configuration stays as it was", error);
		return -EINVAL;
	}
	rule = config_rule_needs_restart(running, next);
	if (rule != NULL) /* no broker could be started with it */
		log_error("rule \"%s\" names a listener that comes with a restart only; the configuration stays as it "
			  "was",
			rule);
	else
		put_in_force(running, next, broker);
	next = config_free(next);
	return rule != NULL ? -EINVAL : 0;
}
