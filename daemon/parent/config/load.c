/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/config/load.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/parent/config/check.h"
#include "daemon/parent/config/ranges.h"
#include "daemon/parent/config/sections.h"
#include "daemon/parent/config/syntax.h"
#include "daemon/parent/config/token_uri.h"
#include "daemon/parent/host/paths.h"
#include "proto/utf8.h"

/* Of a module that nobody has told about. */
static char module_paths[] = "{\"/run\", \"/var\", \"/tmp\", \"/opt\"}";

static const cfg_opt_t plain_options[] = {
	CFG_STR("module", NULL, CFGF_NONE),
	CFG_STR("token", NULL, CFGF_NONE),
	CFG_STR("pin-file", NULL, CFGF_NONE),
	CFG_STR_LIST("module-environment", NULL, CFGF_NONE),
	CFG_STR_LIST("module-paths", module_paths, CFGF_NONE),
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
	cfg_opt_t options[N_PLAIN + RANGES_NUMBERS + N_SECTIONS + 1];
	cfg_opt_t *next = options + N_PLAIN;
	cfg_t *cfg;

	memcpy(options, plain_options, sizeof(plain_options));
	ranges_number_options(next);
	next += RANGES_NUMBERS;
	*next++ = (cfg_opt_t)CFG_SEC("listener", config_listener_options(),
		CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
	*next++ = (cfg_opt_t)CFG_SEC("rule", config_rule_options(), CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
	*next++ = (cfg_opt_t)CFG_SEC("limits", config_limits_options(), CFGF_NONE);
	*next = (cfg_opt_t)CFG_END();
	cfg = cfg_init(options, CFGF_NONE);
	if (cfg == NULL)
		return NULL;
	config_check_install(cfg);
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

/* NULL at the end. */
static char **read_list(cfg_t *cfg, const char *name)
{
	const unsigned n = cfg_size(cfg, name);
	char **list = calloc(n + 1, sizeof(char *));

	for (unsigned i = 0; list != NULL && i < n; i++) {
		list[i] = copy(cfg_getnstr(cfg, name, i));
		if (list[i] == NULL) {
			while (i > 0)
				free(list[--i]);
			free(list);
			return NULL;
		}
	}
	return list;
}

static int read_plain(cfg_t *cfg, struct config *config)
{
	ranges_read_numbers(cfg, config);
	if (config->destroy_wait < config->destroy_wait_min) {
		cfg_error(cfg, "destroy-wait is shorter than destroy-wait-min: raise the one or lower the other");
		return -EINVAL;
	}
	config->copy_keys = cfg_getbool(cfg, "copy-keys");
	config->audit_durable = cfg_getbool(cfg, "audit-durable");
	config->module_init_reserved = copy(cfg_getstr(cfg, "module-init-reserved"));
	config->state_directory = copy(cfg_getstr(cfg, "state-directory"));
	config->sandbox = copy(cfg_getstr(cfg, "sandbox"));
	config->module_environment = read_list(cfg, "module-environment");
	config->module_paths = read_list(cfg, "module-paths");
	if (config->module_init_reserved == NULL || config->state_directory == NULL || config->sandbox == NULL ||
		config->module_environment == NULL || config->module_paths == NULL)
		return -ENOMEM;
	return 0;
}

static int read_account(cfg_t *cfg, const char *option, struct account *ret_account)
{
	const char *name = cfg_getstr(cfg, option);

	if (account_find(name, ret_account) < 0) {
		cfg_error(cfg,
			"%s: there is no user \"%s\": make it with systemd-sysusers "
			"(packaging/systemd/sysusers.d/cekd.conf), or give a number",
			option, name);
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
	if (r == 0 &&
		(config->broker.uid == config->worker.uid || config->broker.uid == config->journal.uid ||
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

static int parse_text(char *text, const char *name, struct config *config)
{
	FILE *file = fmemopen(text, strlen(text), "r");
	cfg_t *cfg = new_parser();
	int r = -ENOMEM;

	if (file != NULL && cfg != NULL) {
		cfg->filename = strdup(name);
		r = cfg_parse_fp(cfg, file) == CFG_SUCCESS ? read_all(cfg, config) : -EINVAL;
	}
	if (cfg != NULL)
		cfg_free(cfg);
	if (file != NULL)
		(void)fclose(file);
	return r;
}

/* Names and values of the file and of variables stand in it, and perhaps the first half of a character. */
static void make_printable(char *text)
{
	size_t len;

	for (char *at = text; *at != '\0'; at += len) {
		len = utf8_printable_len(at);
		if (len > 0)
			continue;
		*at = '?';
		len = 1;
	}
}

int config_parse(FILE *file, const char *name, bool split_uids, struct config **ret_config, char *ret_error)
{
	struct config *config = calloc(1, sizeof(*config));
	char *text = NULL;
	int r = -ENOMEM;

	config_check_begin(name, ret_error);
	if (config != NULL) {
		config->split_uids = split_uids;
		r = syntax_read(file, name, &text, ret_error);
	}
	if (r == 0)
		r = parse_text(text, name, config);
	for (const char *at = text; at != NULL && (at = strchr(at, '\n')) != NULL; at++)
		config->lines++;
	free(text);
	if (r < 0) {
		if (ret_error[0] == '\0')
			(void)snprintf(ret_error, CONFIG_ERROR_MAX, "%s: %s", name,
				r == -ENOMEM ? "out of memory" : "not a configuration");
		make_printable(ret_error);
		config = config_free(config);
		return r;
	}
	*ret_config = config;
	return 0;
}

/* No error, for a group of operators may be meant to. By descriptor, and so of the very file that is read. */
static void check_writers(FILE *file, const char *path)
{
	struct stat st;

	if (fstat(fileno(file), &st) < 0)
		return;
	if (st.st_uid != 0 && st.st_uid != geteuid())
		log_warning("%s belongs to uid %u, who can give himself every right: chown it", path,
			(unsigned)st.st_uid);
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		log_warning("%s: who can write it can give himself every right (mode %04o): chmod go-w it", path,
			(unsigned)st.st_mode & 07777);
}

/* For reading. Whoever can put another file there can give himself every right, and root reads it again and again. */
static FILE *open_file(const char *path, char *ret_error)
{
	char why[PATHS_WHY_MAX];
	FILE *file;
	int fd, r = paths_open_file(path, O_RDONLY, &fd, why);

	if (r < 0) {
		(void)snprintf(ret_error, CONFIG_ERROR_MAX, "%.200s: %.300s", path,
			r == -ENOENT ? strerror(ENOENT) : why);
		return NULL;
	}
	file = fdopen(fd, "r");
	if (file == NULL) {
		(void)snprintf(ret_error, CONFIG_ERROR_MAX, "%s: %s", path, strerror(errno));
		(void)close(fd);
		return NULL;
	}
	check_writers(file, path);
	return file;
}

int config_load(const char *path, bool split_uids, struct config **ret_config, char *ret_error)
{
	FILE *file = open_file(path, ret_error);
	int r;

	if (file == NULL)
		return -EINVAL;
	r = config_parse(file, path, split_uids, ret_config, ret_error);
	(void)fclose(file);
	return r;
}

static int copy_text(FILE *file, int fd)
{
	char text[4096];
	size_t n;

	while ((n = fread(text, 1, sizeof(text), file)) > 0)
		for (size_t done = 0; done < n;) {
			const ssize_t written = write(fd, text + done, n - done);

			if (written < 0)
				return -errno;
			done += (size_t)written;
		}
	return ferror(file) ? -EIO : 0;
}

int config_copy(const char *path, int *ret_fd, char *ret_error)
{
	FILE *file = open_file(path, ret_error);
	int fd, r;

	if (file == NULL)
		return -EINVAL;
	fd = memfd_create("cekd.conf", MFD_CLOEXEC);
	r = fd < 0 ? -errno : copy_text(file, fd);
	if (r < 0)
		(void)snprintf(ret_error, CONFIG_ERROR_MAX, "%s: %s", path, strerror(-r));
	if (r < 0 && fd >= 0)
		(void)close(fd);
	(void)fclose(file);
	if (r == 0)
		*ret_fd = fd;
	return r;
}

int config_parse_copy(int fd, const char *name, bool split_uids, struct config **ret_config, char *ret_error)
{
	const int copy_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	FILE *file = copy_fd >= 0 && lseek(copy_fd, 0, SEEK_SET) == 0 ? fdopen(copy_fd, "r") : NULL;
	int r;

	if (file == NULL) {
		(void)snprintf(ret_error, CONFIG_ERROR_MAX, "%s: %s", name, strerror(errno));
		if (copy_fd >= 0)
			(void)close(copy_fd);
		return -EINVAL;
	}
	r = config_parse(file, name, split_uids, ret_config, ret_error);
	(void)fclose(file);
	return r;
}
