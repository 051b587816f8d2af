/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/config/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/parent/config/config.h"
#include "daemon/parent/config/token_uri.h"

/* libconfuse's callbacks carry no data of ours, hence this. One file is read at a time. */
static struct {
	const char *name; /* of the file: libconfuse does not give it to sections without title */
	char *error;      /* CONFIG_ERROR_MAX bytes; the first message stays */
} reading;

static void __attribute__((format(printf, 2, 0))) take_error(cfg_t *cfg, const char *format, va_list args)
{
	int n;

	if (reading.error[0] != '\0')
		return;
	n = snprintf(reading.error, CONFIG_ERROR_MAX, "%s:%d: ", reading.name, cfg->line);
	if (n > 0 && n < CONFIG_ERROR_MAX)
		(void)vsnprintf(reading.error + n, (size_t)(CONFIG_ERROR_MAX - n), format, args);
}

void config_check_begin(const char *name, char *ret_error)
{
	reading.name = name;
	reading.error = ret_error;
	reading.error[0] = '\0';
}

static int check_path(cfg_t *cfg, cfg_opt_t *option)
{
	if (*cfg_opt_getnstr(option, 0) != '/') {
		cfg_error(cfg, "%s must be an absolute path", cfg_opt_name(option));
		return -1;
	}
	return 0;
}

static int check_paths(cfg_t *cfg, cfg_opt_t *option)
{
	for (unsigned i = 0; i < cfg_opt_size(option); i++)
		if (*cfg_opt_getnstr(option, i) != '/') {
			cfg_error(cfg, "module-paths: \"%s\" is no absolute path", cfg_opt_getnstr(option, i));
			return -1;
		}
	return 0;
}

static int check_sandbox(cfg_t *cfg, cfg_opt_t *option)
{
	const char *value = cfg_opt_getnstr(option, 0);

	if (strcmp(value, "auto") != 0 && strcmp(value, "required") != 0 && strcmp(value, "off") != 0) {
		cfg_error(cfg, "sandbox must be \"auto\", \"required\" or \"off\"");
		return -1;
	}
	return 0;
}

static int check_environment(cfg_t *cfg, cfg_opt_t *option)
{
	for (unsigned i = 0; i < cfg_opt_size(option); i++) {
		const char *entry = cfg_opt_getnstr(option, i), *equals = strchr(entry, '=');

		if (equals == NULL || equals == entry) {
			cfg_error(cfg, "module-environment: \"%s\" is not NAME=value", entry);
			return -1;
		}
	}
	return 0;
}

static int check_token(cfg_t *cfg, cfg_opt_t *option)
{
	struct token_uri uri = {0};
	const char *what = "out of memory";

	if (token_uri_parse(cfg_opt_getnstr(option, 0), &uri, &what) < 0) {
		cfg_error(cfg, "token: %s", what);
		return -1;
	}
	token_uri_deinit(&uri);
	return 0;
}

static const struct {
	const char *name;
	int (*check)(cfg_t *, cfg_opt_t *);
} checks[] = {
	{"module", check_path},
	{"token", check_token},
	{"pin-file", check_path},
	{"module-environment", check_environment},
	{"module-paths", check_paths},
	{"state-directory", check_path},
	{"sandbox", check_sandbox},
};

void config_check_install(cfg_t *cfg)
{
	(void)cfg_set_error_function(cfg, take_error);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		cfg_set_validate_func(cfg, checks[i].name, checks[i].check);
}
