/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/config/config.h"

#include <stdlib.h>

static void free_list(char **list)
{
	for (char **entry = list; entry != NULL && *entry != NULL; entry++)
		free(*entry);
	free(list);
}

struct config *config_free(struct config *config)
{
	if (config == NULL)
		return NULL;
	for (size_t i = 0; i < config->n_listeners; i++) {
		free(config->listeners[i].name);
		free(config->listeners[i].path);
	}
	for (size_t i = 0; i < config->n_rules; i++)
		cek__internal__v1__rule__free_unpacked(config->rules[i], NULL);
	free_list(config->module_environment);
	free_list(config->module_paths);
	free(config->listeners);
	free(config->rules);
	free(config->module);
	free(config->token);
	free(config->pin_file);
	free(config->module_init_reserved);
	free(config->state_directory);
	free(config->sandbox);
	free(config);
	return NULL;
}
