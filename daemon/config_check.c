#include "daemon/config_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/config_sections.h"
#include "daemon/token_uri.h"

enum {
	SEEN_MAX = 1024, /* options of one file that are remembered to find one that is given twice */
};

/* libconfuse's callbacks carry no data of ours, hence this. One file is read at a time. */
static struct {
	const char *name; /* of the file: libconfuse does not give it to sections without title */
	char *error; /* CONFIG_ERROR_MAX bytes; the first message stays */
	struct seen {
		const cfg_opt_t *option;
		unsigned size;    /* of its list so far */
		unsigned singles; /* calls with a size of 1 */
	} seen[SEEN_MAX];
	size_t n_seen;
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
	reading.n_seen = 0;
}

static struct seen *seen_entry(const cfg_opt_t *option)
{
	size_t i = 0;

	while (i < reading.n_seen && reading.seen[i].option != option)
		i++;
	if (i == SEEN_MAX)
		return NULL;
	if (i == reading.n_seen)
		reading.seen[reading.n_seen++] = (struct seen){.option = option};
	return &reading.seen[i];
}

/* libconfuse itself lets the last one win. It calls once for a plain option; for a list after each value and at its end,
 * so that one list shows sizes of 1, 2, … n, n. */
static int check_once(cfg_t *cfg, cfg_opt_t *option)
{
	const unsigned size = cfg_opt_size(option), allowed = option->flags & CFGF_LIST ? 2 : 1;
	struct seen *seen = seen_entry(option);

	if (seen == NULL) {
		cfg_error(cfg, "more than %d options", SEEN_MAX);
		return -1;
	}
	seen->singles += size == 1;
	if (size < seen->size || seen->singles > allowed) {
		cfg_error(cfg, "%s is given twice: remove one", cfg_opt_name(option));
		return -1;
	}
	seen->size = size;
	return 0;
}

static int check_number(cfg_t *cfg, cfg_opt_t *option)
{
	const long value = cfg_opt_getnint(option, 0);
	long min = 0, max = 0;

	if (!config_number_range(cfg_opt_name(option), &min, &max) || value < min || value > max) {
		cfg_error(cfg, "%s must be from %ld to %ld", cfg_opt_name(option), min, max);
		return -1;
	}
	return check_once(cfg, option);
}

static int check_path(cfg_t *cfg, cfg_opt_t *option)
{
	if (*cfg_opt_getnstr(option, 0) != '/') {
		cfg_error(cfg, "%s must be an absolute path", cfg_opt_name(option));
		return -1;
	}
	return check_once(cfg, option);
}

static int check_sandbox(cfg_t *cfg, cfg_opt_t *option)
{
	const char *value = cfg_opt_getnstr(option, 0);

	if (strcmp(value, "auto") != 0 && strcmp(value, "required") != 0 && strcmp(value, "off") != 0) {
		cfg_error(cfg, "sandbox must be \"auto\", \"required\" or \"off\"");
		return -1;
	}
	return check_once(cfg, option);
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
	return check_once(cfg, option);
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
	return check_once(cfg, option);
}

static const struct {
	const char *name;
	int (*check)(cfg_t *, cfg_opt_t *);
} checks[] = {
	{"module", check_path}, {"token", check_token}, {"pin-file", check_path}, {"module-environment", check_environment},
	{"module-init-reserved", check_once}, {"state-directory", check_path}, {"copy-keys", check_once},
	{"sandbox", check_sandbox}, {"audit-durable", check_once}, {"user-broker", check_once}, {"user-token", check_once},
	{"user-journal", check_once}, {"limits", check_once}, {"listener|path", check_once}, {"listener|mode", check_once},
	{"listener|owner", check_once}, {"listener|group", check_once}, {"rule|listeners", check_once},
	{"rule|users", check_once}, {"rule|groups", check_once}, {"rule|anyone", check_once}, {"rule|operations", check_once},
	{"rule|keys", check_once},
};

void config_check_number(cfg_t *cfg, const char *name)
{
	cfg_set_validate_func(cfg, name, check_number);
}

void config_check_install(cfg_t *cfg)
{
	const cfg_opt_t *limit = config_limits_options();
	char name[64];

	(void)cfg_set_error_function(cfg, take_error);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		cfg_set_validate_func(cfg, checks[i].name, checks[i].check);
	for (; limit->name != NULL; limit++) {
		(void)snprintf(name, sizeof(name), "limits|%s", limit->name);
		config_check_number(cfg, name);
	}
}
