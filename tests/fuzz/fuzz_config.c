/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "daemon/parent/config/load.h"
#include "daemon/parent/config/restart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted must be complete, and what was refused must say where and why. */
static void check(int result, struct config *config, const char *error)
{
	if (result < 0) {
		if (config != NULL || strncmp(error, "fuzz:", 5) != 0)
			__builtin_trap();
		return;
	}
	if (config->module == NULL || config->token == NULL || config->pin_file == NULL || config->n_listeners == 0)
		__builtin_trap();
	if (config->workers == 0 || config->workers > CONFIG_WORKERS_MAX || config->limits.connections == 0)
		__builtin_trap();
	for (size_t i = 0; i < config->n_rules; i++)
		if (config->rules[i]->n_operation == 0)
			__builtin_trap();
	if (config_needs_restart(config, config) != NULL)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = NULL;
	char error[CONFIG_ERROR_MAX];
	FILE *file;
	int r;

	if (size == 0)
		return 0;
	file = fmemopen((void *)(uintptr_t)data, size, "r");
	if (file == NULL)
		return 0;
	r = config_parse(file, "fuzz", false, &config, error);
	(void)fclose(file);
	check(r, config, error);
	config = config_free(config);
	return 0;
}
