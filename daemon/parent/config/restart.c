/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/config/restart.h"

#include <string.h>

static bool same_list(char *const *a, char *const *b)
{
	for (; *a != NULL && *b != NULL; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return *a == *b;
}

static bool same_listeners(const struct config *a, const struct config *b)
{
	if (a->n_listeners != b->n_listeners)
		return false;
	for (size_t i = 0; i < a->n_listeners; i++) {
		const struct listener_wanted *x = &a->listeners[i], *y = &b->listeners[i];

		if (strcmp(x->name, y->name) != 0 || strcmp(x->path, y->path) != 0 || x->mode != y->mode ||
			x->owner != y->owner || x->group != y->group)
			return false;
	}
	return true;
}

static bool same_account(const struct account *a, const struct account *b)
{
	return a->uid == b->uid && a->gid == b->gid && a->n_groups == b->n_groups &&
		memcmp(a->groups, b->groups, a->n_groups * sizeof(a->groups[0])) == 0;
}

const char *config_needs_restart(const struct config *running, const struct config *next)
{
	const struct config *a = running, *b = next;

	if (strcmp(a->module, b->module) != 0 || strcmp(a->module_init_reserved, b->module_init_reserved) != 0 ||
		!same_list(a->module_environment, b->module_environment) ||
		!same_list(a->module_paths, b->module_paths))
		return "module";
	if (strcmp(a->token, b->token) != 0)
		return "token";
	if (strcmp(a->pin_file, b->pin_file) != 0)
		return "pin-file";
	if (strcmp(a->state_directory, b->state_directory) != 0)
		return "state-directory";
	if (strcmp(a->sandbox, b->sandbox) != 0)
		return "sandbox";
	if (a->workers != b->workers || a->worker_memory != b->worker_memory || a->call_timeout != b->call_timeout ||
		a->copy_keys != b->copy_keys)
		return "workers";
	if (a->audit_durable != b->audit_durable || a->audit_sync_ms != b->audit_sync_ms ||
		a->usage_seconds != b->usage_seconds)
		return "audit-durable, audit-sync-ms or usage-seconds";
	if (a->hang_seconds != b->hang_seconds)
		return "hang-seconds";
	if (a->destroy_wait != b->destroy_wait || a->destroy_wait_min != b->destroy_wait_min || a->skew != b->skew)
		return "destroy-wait, destroy-wait-min or skew";
	if (!same_account(&a->broker, &b->broker) || !same_account(&a->worker, &b->worker) ||
		!same_account(&a->journal, &b->journal))
		return "user-broker, user-token or user-journal";
	return same_listeners(a, b) ? NULL : "listener";
}

static bool has_listener(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_listeners; i++)
		if (strcmp(config->listeners[i].name, name) == 0)
			return true;
	return false;
}

const char *config_rule_needs_restart(const struct config *running, const struct config *next)
{
	for (size_t i = 0; i < next->n_rules; i++)
		for (size_t j = 0; j < next->rules[i]->n_listener; j++)
			if (!has_listener(running, next->rules[i]->listener[j]))
				return next->rules[i]->name;
	return NULL;
}
