#include "daemon/config.h"

#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config_sections.h"
#include "daemon/token_uri.h"

static const struct number {
	const char *name;
	long min, max, standard;
	size_t offset; /* of an unsigned in struct config */
} numbers[] = {
	{"workers", 1, CONFIG_WORKERS_MAX, 2, offsetof(struct config, workers)},
	{"worker-memory", 16, 65536, 128, offsetof(struct config, worker_memory)},
	{"call-timeout", 1, 3600, 30, offsetof(struct config, call_timeout)},
	{"audit-sync-ms", 1, 10000, 100, offsetof(struct config, audit_sync_ms)},
	{"usage-seconds", 1, 60, 60, offsetof(struct config, usage_seconds)},
	{"destroy-wait", 0, 315360000, 604800, offsetof(struct config, destroy_wait)},
	{"destroy-wait-min", 0, 315360000, 3600, offsetof(struct config, destroy_wait_min)},
	{"skew", 0, 86400, 60, offsetof(struct config, skew)},
};

enum {
	N_NUMBERS = sizeof(numbers) / sizeof(numbers[0]),
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

	if (!config_limit_range(cfg_opt_name(option), &min, &max))
		for (size_t i = 0; i < N_NUMBERS; i++)
			if (strcmp(numbers[i].name, cfg_opt_name(option)) == 0) {
				min = numbers[i].min;
				max = numbers[i].max;
			}
	if (value < min || value > max) {
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

static void set_checks(cfg_t *cfg)
{
	const cfg_opt_t *limit = config_limits_options();
	char name[64];

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		cfg_set_validate_func(cfg, checks[i].name, checks[i].check);
	for (size_t i = 0; i < N_NUMBERS; i++)
		cfg_set_validate_func(cfg, numbers[i].name, check_number);
	for (; limit->name != NULL; limit++) {
		(void)snprintf(name, sizeof(name), "limits|%s", limit->name);
		cfg_set_validate_func(cfg, name, check_number);
	}
}

static const cfg_opt_t plain_options[] = {
	CFG_STR("module", NULL, CFGF_NONE),
	CFG_STR("token", NULL, CFGF_NONE),
	CFG_STR("pin-file", NULL, CFGF_NONE),
	CFG_STR_LIST("module-environment", NULL, CFGF_NONE),
	CFG_STR("module-init-reserved", "", CFGF_NONE),
	CFG_STR("state-directory", "/var/lib/cekd", CFGF_NONE),
	CFG_BOOL("copy-keys", cfg_true, CFGF_NONE),
	CFG_STR("sandbox", "auto", CFGF_NONE),
	CFG_BOOL("audit-durable", cfg_false, CFGF_NONE),
	CFG_STR("user-broker", "_cekd-broker", CFGF_NONE),
	CFG_STR("user-token", "_cekd-token", CFGF_NONE),
	CFG_STR("user-journal", "_cekd-journal", CFGF_NONE),
};

enum {
	N_PLAIN = sizeof(plain_options) / sizeof(plain_options[0]),
	N_SECTIONS = 3,
};

static cfg_t *new_parser(void)
{
	cfg_opt_t options[N_PLAIN + N_NUMBERS + N_SECTIONS + 1];
	cfg_opt_t *next = options + N_PLAIN;
	cfg_t *cfg;

	memcpy(options, plain_options, sizeof(plain_options));
	for (size_t i = 0; i < N_NUMBERS; i++)
		*next++ = (cfg_opt_t)CFG_INT(numbers[i].name, numbers[i].standard, CFGF_NONE);
	*next++ = (cfg_opt_t)CFG_SEC("listener", config_listener_options(), CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
	*next++ = (cfg_opt_t)CFG_SEC("rule", config_rule_options(), CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
	*next++ = (cfg_opt_t)CFG_SEC("limits", config_limits_options(), CFGF_NONE);
	*next = (cfg_opt_t)CFG_END();
	cfg = cfg_init(options, CFGF_NONE);
	if (cfg != NULL) {
		(void)cfg_set_error_function(cfg, take_error);
		set_checks(cfg);
	}
	return cfg;
}

static char *copy(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}

static int required(cfg_t *cfg, const char *name, const char *example)
{
	cfg_error(cfg, "%s is missing: add %s", name, example);
	return -EINVAL;
}

/* Module and PIN may stand in the URI instead (RFC 7512 section 2.4), but not in both places. */
static int read_token(cfg_t *cfg, struct config *config)
{
	const char *module = cfg_getstr(cfg, "module"), *pin_file = cfg_getstr(cfg, "pin-file"), *what;
	struct token_uri uri = {0};
	int r = 0;

	if (cfg_getstr(cfg, "token") == NULL)
		return required(cfg, "token", "token = \"pkcs11:token=LABEL\"");
	if (token_uri_parse(cfg_getstr(cfg, "token"), &uri, &what) < 0)
		return -ENOMEM; /* checked before */
	if ((module != NULL && uri.module_path != NULL) || (pin_file != NULL && uri.pin_source != NULL)) {
		cfg_error(cfg, "module and pin-file stand in the token's URI as well: remove one of the two");
		r = -EINVAL;
	} else if (module == NULL && uri.module_path == NULL) {
		r = required(cfg, "module", "module = \"/usr/lib/softhsm/libsofthsm2.so\"");
	} else if (pin_file == NULL && uri.pin_source == NULL) {
		r = required(cfg, "pin-file", "pin-file = \"/var/lib/cekd/pin\"");
	} else {
		config->token = copy(cfg_getstr(cfg, "token"));
		config->module = copy(module != NULL ? module : uri.module_path);
		config->pin_file = copy(pin_file != NULL ? pin_file : uri.pin_source);
		r = config->token == NULL || config->module == NULL || config->pin_file == NULL ? -ENOMEM : 0;
	}
	token_uri_deinit(&uri);
	return r;
}

static int read_plain(cfg_t *cfg, struct config *config)
{
	const unsigned n = cfg_size(cfg, "module-environment");

	for (size_t i = 0; i < N_NUMBERS; i++) {
		const unsigned value = (unsigned)cfg_getint(cfg, numbers[i].name);

		memcpy((char *)config + numbers[i].offset, &value, sizeof(value));
	}
	if (config->destroy_wait < config->destroy_wait_min) {
		cfg_error(cfg, "destroy-wait is shorter than destroy-wait-min: raise the one or lower the other");
		return -EINVAL;
	}
	config->copy_keys = cfg_getbool(cfg, "copy-keys");
	config->audit_durable = cfg_getbool(cfg, "audit-durable");
	config->module_init_reserved = copy(cfg_getstr(cfg, "module-init-reserved"));
	config->state_directory = copy(cfg_getstr(cfg, "state-directory"));
	config->sandbox = copy(cfg_getstr(cfg, "sandbox"));
	config->module_environment = calloc(n + 1, sizeof(char *));
	if (config->module_init_reserved == NULL || config->state_directory == NULL || config->sandbox == NULL ||
	    config->module_environment == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		config->module_environment[i] = copy(cfg_getnstr(cfg, "module-environment", i));
		if (config->module_environment[i] == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int read_account(cfg_t *cfg, const char *option, struct account *ret_account)
{
	const char *name = cfg_getstr(cfg, option);

	if (account_find(name, ret_account) < 0) {
		cfg_error(cfg, "%s: there is no user \"%s\": make it with systemd-sysusers (softhsm-conf/sysusers.d/cekd.conf), or give "
		               "a number", option, name);
		return -EINVAL;
	}
	if (ret_account->uid == 0) {
		cfg_error(cfg, "%s must not be root", option);
		return -EINVAL;
	}
	return 0;
}

static int read_accounts(cfg_t *cfg, struct config *config)
{
	int r = read_account(cfg, "user-broker", &config->broker);

	if (r == 0)
		r = read_account(cfg, "user-token", &config->worker);
	if (r == 0)
		r = read_account(cfg, "user-journal", &config->journal);
	if (r == 0 && (config->broker.uid == config->worker.uid || config->broker.uid == config->journal.uid ||
	               config->worker.uid == config->journal.uid)) {
		cfg_error(cfg, "user-broker, user-token and user-journal must be three different users");
		r = -EINVAL;
	}
	return r;
}

static int read_all(cfg_t *cfg, struct config *config)
{
	int r = read_token(cfg, config);

	if (r == 0)
		r = read_plain(cfg, config);
	if (r == 0)
		r = config_read_sections(cfg, config);
	if (r == 0 && config->split_uids)
		r = read_accounts(cfg, config);
	return r;
}

int config_parse(FILE *file, const char *name, bool split_uids, struct config **ret_config, char *ret_error)
{
	struct config *config = calloc(1, sizeof(*config));
	cfg_t *cfg;
	int r = -ENOMEM;

	reading.name = name;
	reading.error = ret_error;
	reading.error[0] = '\0';
	reading.n_seen = 0;
	cfg = new_parser();
	if (config != NULL && cfg != NULL) {
		cfg->filename = strdup(name);
		config->split_uids = split_uids;
		r = cfg_parse_fp(cfg, file) == CFG_SUCCESS ? read_all(cfg, config) : -EINVAL;
	}
	if (cfg != NULL)
		cfg_free(cfg);
	if (r < 0) {
		if (reading.error[0] == '\0')
			(void)snprintf(ret_error, CONFIG_ERROR_MAX, "%s: %s", name, r == -ENOMEM ? "out of memory" : "not a configuration");
		config = config_free(config);
		return r;
	}
	*ret_config = config;
	return 0;
}

int config_load(const char *path, bool split_uids, struct config **ret_config, char *ret_error)
{
	FILE *file = fopen(path, "re");
	int r;

	if (file == NULL) {
		(void)snprintf(ret_error, CONFIG_ERROR_MAX, "%s: %s", path, strerror(errno));
		return -EINVAL;
	}
	r = config_parse(file, path, split_uids, ret_config, ret_error);
	(void)fclose(file);
	return r;
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
	for (char **entry = config->module_environment; entry != NULL && *entry != NULL; entry++)
		free(*entry);
	free(config->module_environment);
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
