/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/config/sections.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "daemon/parent/config/ranges.h"
#include "daemon/parent/host/accounts.h"

typedef Cek__Internal__V1__Rule Rule;

static const char *const operations[] = {
	"unwrap",
	"wrap",
	"generate",
	"rewrap",
	"create",
	"rotate",
	"state",
	"destroy",
	"import",
	"adopt",
	"schedule",
	"list",
	"public",
	"status",
	"metrics",
	"watch",
	"fsck",
	"restore",
};

enum {
	N_OPERATIONS = sizeof(operations) / sizeof(operations[0]),
};

cfg_opt_t *config_listener_options(void)
{
	static cfg_opt_t options[] = {
		CFG_STR("path", NULL, CFGF_NONE),
		CFG_STR("mode", "0660", CFGF_NONE),
		CFG_STR("owner", NULL, CFGF_NONE),
		CFG_STR("group", NULL, CFGF_NONE),
		CFG_END(),
	};

	return options;
}

cfg_opt_t *config_rule_options(void)
{
	static cfg_opt_t options[] = {
		CFG_STR_LIST("listeners", NULL, CFGF_NONE),
		CFG_STR_LIST("users", NULL, CFGF_NONE),
		CFG_STR_LIST("groups", NULL, CFGF_NONE),
		CFG_BOOL("anyone", cfg_false, CFGF_NONE),
		CFG_STR_LIST("operations", NULL, CFGF_NONE),
		CFG_STR_LIST("keys", NULL, CFGF_NONE),
		CFG_END(),
	};

	return options;
}

cfg_opt_t *config_limits_options(void)
{
	static cfg_opt_t options[RANGES_LIMITS + 1];

	ranges_limit_options(options);
	options[RANGES_LIMITS] = (cfg_opt_t)CFG_END();
	return options;
}

static int fail(cfg_t *section, const char *what)
{
	cfg_error(section, "%s \"%s\": %s", cfg_name(section), cfg_title(section), what);
	return -EINVAL;
}

static int fail_item(cfg_t *section, const char *list, const char *item, const char *what)
{
	cfg_error(section, "%s \"%s\": %s: \"%s\" %s", cfg_name(section), cfg_title(section), list, item, what);
	return -EINVAL;
}

/* Messages and the journal of requests name it. */
static int check_title(cfg_t *section)
{
	return *cfg_title(section) == '\0' ? fail(section, "it has no name: give one in double quotes") : 0;
}

static int check_listener_path(cfg_t *section, const struct config *config)
{
	const char *path = cfg_getstr(section, "path");

	if (path == NULL || *path != '/')
		return fail(section, "path is missing or not absolute: give the socket's path");
	if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return fail(section, "path is longer than a socket's may be (107 bytes)");
	for (size_t i = 0; i < config->n_listeners; i++)
		if (strcmp(config->listeners[i].path, path) == 0)
			return fail(section, "another listener has this path");
	return 0;
}

static int parse_mode(cfg_t *section, mode_t *ret_mode)
{
	const char *text = cfg_getstr(section, "mode");
	char *end;
	const unsigned long mode = strtoul(text, &end, 8);

	if (*text < '0' || *text > '7' || *end != '\0' || mode > 0777)
		return fail(section, "mode is not an octal number from \"0000\" to \"0777\"");
	*ret_mode = (mode_t)mode;
	return 0;
}

static int read_listener(cfg_t *section, struct config *config)
{
	struct listener_wanted *listener = &config->listeners[config->n_listeners];
	const char *owner = cfg_getstr(section, "owner"), *group = cfg_getstr(section, "group");
	int r = check_title(section);

	if (r == 0)
		r = check_listener_path(section, config);
	if (r == 0)
		r = parse_mode(section, &listener->mode);
	if (r < 0)
		return r;
	listener->owner = (uid_t)-1;
	listener->group = (gid_t)-1;
	if (owner != NULL && account_uid(owner, &listener->owner) < 0)
		return fail(section, "owner is neither a user nor a number");
	if (group != NULL && account_gid(group, &listener->group) < 0)
		return fail(section, "group is neither a group nor a number");
	listener->name = strdup(cfg_title(section));
	listener->path = strdup(cfg_getstr(section, "path"));
	config->n_listeners++; /* config_free() takes what is there */
	return listener->name != NULL && listener->path != NULL ? 0 : -ENOMEM;
}

/* A copy of a list of strings, as protobuf-c holds them. */
static int copy_list(cfg_t *section, const char *name, char ***ret_list, size_t *ret_n)
{
	const unsigned n = cfg_size(section, name);
	char **list = calloc(n > 0 ? n : 1, sizeof(*list));

	if (list == NULL)
		return -ENOMEM;
	*ret_list = list; /* the rule owns it from here on */
	for (unsigned i = 0; i < n; i++) {
		list[i] = strdup(cfg_getnstr(section, name, i));
		if (list[i] == NULL)
			return -ENOMEM;
		*ret_n = i + 1;
	}
	return 0;
}

/* uid_t and gid_t are the same to the kernel and to protobuf. */
static int copy_ids(cfg_t *section, const char *name, int (*find)(const char *, uid_t *), uint32_t **ret_ids,
	size_t *ret_n)
{
	const unsigned n = cfg_size(section, name);
	uint32_t *ids = calloc(n > 0 ? n : 1, sizeof(*ids));

	if (ids == NULL)
		return -ENOMEM;
	*ret_ids = ids;
	for (unsigned i = 0; i < n; i++) {
		if (find(cfg_getnstr(section, name, i), &ids[i]) < 0)
			return fail_item(section, name, cfg_getnstr(section, name, i),
				"does not exist here: create it, or give a number");
		*ret_n = i + 1;
	}
	return 0;
}

static bool operation_known(const char *name)
{
	for (size_t i = 0; i < N_OPERATIONS; i++)
		if (strcmp(operations[i], name) == 0)
			return true;
	return false;
}

/* "*" alone stands for every operation of this build. */
static int copy_operations(cfg_t *section, Rule *rule)
{
	const unsigned n = cfg_size(section, "operations");

	if (n == 0)
		return fail(section, "operations is empty: a rule grants what it names, or {\"*\"} for all");
	if (n == 1 && strcmp(cfg_getnstr(section, "operations", 0), "*") == 0) {
		cfg_setlist(section, "operations", 0);
		for (size_t i = 0; i < N_OPERATIONS; i++)
			cfg_addlist(section, "operations", 1, operations[i]);
	}
	for (unsigned i = 0; i < cfg_size(section, "operations"); i++)
		if (!operation_known(cfg_getnstr(section, "operations", i)))
			return fail_item(section, "operations", cfg_getnstr(section, "operations", i),
				"is no operation: cekd.conf(5) lists them");
	return copy_list(section, "operations", &rule->operation, &rule->n_operation);
}

static int copy_listeners(cfg_t *section, const struct config *config, Rule *rule)
{
	if (cfg_size(section, "listeners") == 0 && cfg_getopt(section, "listeners")->flags & CFGF_MODIFIED)
		return fail(section, "listeners is empty: name some, or leave it out for all");
	for (unsigned i = 0; i < cfg_size(section, "listeners"); i++) {
		const char *name = cfg_getnstr(section, "listeners", i);
		size_t j = 0;

		while (j < config->n_listeners && strcmp(config->listeners[j].name, name) != 0)
			j++;
		if (j == config->n_listeners)
			return fail_item(section, "listeners", name, "is no listener of this file");
	}
	return copy_list(section, "listeners", &rule->listener, &rule->n_listener);
}

static int read_rule(cfg_t *section, struct config *config)
{
	Rule *rule = malloc(sizeof(*rule));
	int r;

	if (rule == NULL)
		return -ENOMEM;
	cek__internal__v1__rule__init(rule);
	config->rules[config->n_rules++] = rule;
	rule->name = strdup(cfg_title(section));
	rule->anyone = cfg_getbool(section, "anyone") == cfg_true;
	if (rule->name == NULL)
		return -ENOMEM;
	r = check_title(section);
	if (r == 0)
		r = copy_listeners(section, config, rule);
	if (r == 0)
		r = copy_ids(section, "users", account_uid, &rule->uid, &rule->n_uid);
	if (r == 0)
		r = copy_ids(section, "groups", account_gid, &rule->gid, &rule->n_gid);
	if (r == 0)
		r = copy_operations(section, rule);
	if (r == 0)
		r = copy_list(section, "keys", &rule->key, &rule->n_key);
	if (r == 0 && rule->n_uid == 0 && rule->n_gid == 0 && !rule->anyone)
		r = fail(section, "it names nobody: give users or groups, or anyone = true");
	return r;
}

int config_read_sections(cfg_t *cfg, struct config *config)
{
	const unsigned n_listeners = cfg_size(cfg, "listener"), n_rules = cfg_size(cfg, "rule");
	int r = 0;

	if (n_listeners == 0) {
		cfg_error(cfg, "there is no listener: add listener \"NAME\" { path = \"/run/cekd/cekd.sock\" }");
		return -EINVAL;
	}
	if (n_listeners > LISTENERS_MAX || n_rules > CONFIG_RULES_MAX) {
		cfg_error(cfg, "at most %d listeners and %d rules are possible", LISTENERS_MAX, CONFIG_RULES_MAX);
		return -EINVAL;
	}
	config->listeners = calloc(n_listeners, sizeof(*config->listeners));
	config->rules = calloc(n_rules + 1, sizeof(Rule *));
	if (config->listeners == NULL || config->rules == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < n_listeners && r == 0; i++)
		r = read_listener(cfg_getnsec(cfg, "listener", i), config);
	for (unsigned i = 0; i < n_rules && r == 0; i++)
		r = read_rule(cfg_getnsec(cfg, "rule", i), config);
	ranges_read_limits(cfg_getsec(cfg, "limits"), &config->limits);
	return r;
}
