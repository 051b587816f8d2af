/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/check.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "base/plural.h"
#include "daemon/parent/check_child.h"
#include "daemon/parent/check_say.h"
#include "daemon/parent/host/listeners.h"
#include "daemon/parent/host/logins.h"
#include "daemon/parent/host/module.h"
#include "daemon/parent/host/paths.h"
#include "daemon/parent/host/state.h"
#include "daemon/parent/host/state_look.h"

enum {
	US_PER_SECOND = 1000000,
	TIME_MAX = 32,
};

struct check {
	const struct check_options *options;
	const struct config *config;
	struct check_child child;
	struct state_found state; /* directory -1: it could not be seen */
	bool stranger;            /* who checks may not see what who starts may */
	uint64_t last_time;       /* of the last record, 0: none known */
};

/* What a stranger could not look at. */
static int hidden(struct check *check, char *text)
{
	check->stranger = true;
	(void)snprintf(text, CHECK_TEXT_MAX, "you may not look: check as the user that starts cekd");
	return CHECK_SKIPPED;
}

static int configuration(struct check *check, char *text)
{
	const struct config *config = check->config;

	(void)snprintf(text, CHECK_TEXT_MAX, "%s: %u line%s, %zu listener%s, %zu rule%s, %u worker%s",
		check->options->config_path, config->lines, plural(config->lines), config->n_listeners,
		plural(config->n_listeners), config->n_rules, plural(config->n_rules), config->workers,
		plural(config->workers));
	return CHECK_OK;
}

static int accounts(struct check *check, char *text)
{
	const struct config *config = check->config;

	if (!config->split_uids) {
		(void)snprintf(text, CHECK_TEXT_MAX,
			"you are not root: all processes would run as uid %u, and a fault of one "
			"reaches the others",
			(unsigned)geteuid());
		return CHECK_NOTE;
	}
	(void)snprintf(text, CHECK_TEXT_MAX, "uid %u for the broker, %u for workers, %u for the journal",
		(unsigned)config->broker.uid, (unsigned)config->worker.uid, (unsigned)config->journal.uid);
	return CHECK_OK;
}

/* Names have been looked up; a number may be meant for a container's user, or mistyped. */
static int rules(struct check *check, char *text)
{
	const struct config *config = check->config;
	size_t unknown = 0, len;

	(void)snprintf(text, CHECK_TEXT_MAX, "all users and groups exist");
	for (size_t i = 0; i < config->n_rules; i++) {
		const Cek__Internal__V1__Rule *rule = config->rules[i];

		for (size_t j = 0; j < rule->n_uid + rule->n_gid; j++) {
			const bool user = j < rule->n_uid;
			const unsigned id = user ? rule->uid[j] : rule->gid[j - rule->n_uid];

			if (user ? account_uid_known(id) : account_gid_known(id))
				continue;
			len = unknown == 0 ? 0 : strlen(text);
			(void)snprintf(text + len, CHECK_TEXT_MAX - len, "%srule \"%s\": no %s here has the number %u",
				unknown == 0 ? "" : "; ", rule->name, user ? "user" : "group", id);
			unknown++;
		}
	}
	if (config->n_rules == 0)
		(void)snprintf(text, CHECK_TEXT_MAX, "there is none: nobody may do anything");
	return unknown > 0 || config->n_rules == 0 ? CHECK_NOTE : CHECK_OK;
}

static int programs(struct check *check, char *text)
{
	static const char *const names[] = {"cekd-broker", "cekd-token", "cekd-journal"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int r = 0;

		if (snprintf(path, sizeof(path), "%s/%s", check->options->programs, names[i]) >= (int)sizeof(path))
			r = -ENAMETOOLONG;
		else if (access(path, X_OK) < 0)
			r = -errno;
		if (r < 0) {
			log_error("%s: %s: install it, or give --programs", path, strerror(-r));
			return r;
		}
	}
	(void)snprintf(text, CHECK_TEXT_MAX, "%s", check->options->programs);
	return CHECK_OK;
}

static int module(struct check *check, char *text)
{
	const char *path = check->config->module;
	const int r = module_check(path);

	if (r == PATHS_HIDDEN)
		return hidden(check, text);
	if (r < 0)
		return r;
	(void)snprintf(text, CHECK_TEXT_MAX,
		r == PATHS_ABSENT ? "%s: it is not there" : "%s: nobody else can change it", path);
	return r == PATHS_ABSENT ? CHECK_WARNING : CHECK_OK;
}

static int pin_file(struct check *check, char *text)
{
	static const char credentials[] = "/run/credentials/";
	const char *path = check->config->pin_file;
	struct stat st;
	const int r = logins_check_pin(path, &st);

	if (r == PATHS_HIDDEN)
		return hidden(check, text);
	if (r == PATHS_ABSENT && strncmp(path, credentials, sizeof(credentials) - 1) == 0) {
		(void)snprintf(text, CHECK_TEXT_MAX, "%s: systemd lays it there when the service starts", path);
		return CHECK_NOTE;
	}
	if (r == PATHS_ABSENT) {
		log_error("pin-file %s: without it no worker can log in: write the PIN into it (mode 0400), or make a "
			  "token with cekctl token init; cekd-softhsm makes both when cekd is started first",
			path);
		return -ENOENT;
	}
	if (r < 0)
		return r;
	if (st.st_size == 0) {
		log_error("pin-file %s: it is empty: write the PIN into it", path);
		return -EINVAL;
	}
	(void)snprintf(text, CHECK_TEXT_MAX, "%s: uid %u, mode %04o, not empty", path, (unsigned)st.st_uid,
		(unsigned)st.st_mode & 07777);
	return st.st_mode & (S_IRWXG | S_IRWXO) ? CHECK_WARNING : CHECK_OK;
}

static int judge_state(const struct state_found *found, const char *path)
{
	if (found->read_only) {
		log_error("%s: its file system is mounted read-only", path);
		return -EROFS;
	}
	if (found->free == 0) {
		log_error("%s: no space is left there: no journal can be written", path);
		return -ENOSPC;
	}
	if (found->free >= STATE_FREE_LOW)
		return CHECK_OK;
	log_warning("%s: little space is left: when there is none no CEK is served", path);
	return CHECK_WARNING;
}

static int state_directory(struct check *check, char *text)
{
	const char *path = check->config->state_directory;
	struct state_found *found = &check->state;
	int r = state_check(path);

	if (r == PATHS_SEEN) {
		r = state_look(path, found);
		if (r < 0 && !paths_may_change(r))
			log_error("%s: %s", path, strerror(-r));
		r = paths_outcome(r);
	}
	if (r == PATHS_HIDDEN)
		return hidden(check, text);
	if (r == PATHS_ABSENT) {
		(void)snprintf(text, CHECK_TEXT_MAX, "it is not there: a start makes it, and new journals");
		return CHECK_NOTE;
	}
	if (r < 0)
		return r;
	(void)snprintf(text, CHECK_TEXT_MAX, "%s: uid %u, mode %04o, on the file system of %s, %llu MiB free", path,
		(unsigned)found->uid, (unsigned)found->mode, found->mount, (unsigned long long)(found->free >> 20));
	return judge_state(found, path);
}

static int other_cekd(struct check *check, char *text)
{
	const struct state_found *found = &check->state;
	char who[64] = "";

	if (found->directory < 0) {
		(void)snprintf(text, CHECK_TEXT_MAX, "the state directory cannot be seen");
		return CHECK_SKIPPED;
	}
	if (found->holder > 0)
		(void)snprintf(who, sizeof(who), " (pid %d)", (int)found->holder);
	if (found->used)
		(void)snprintf(text, CHECK_TEXT_MAX, "one%s uses the state directory: a second one would not start",
			who);
	else if (found->lagging)
		(void)snprintf(text, CHECK_TEXT_MAX,
			"processes of an earlier one%s are still there: a start waits for them", who);
	else
		(void)snprintf(text, CHECK_TEXT_MAX, "none uses the state directory");
	return found->used || found->lagging ? CHECK_NOTE : CHECK_OK;
}

static int listeners(struct check *check, char *text)
{
	const struct config *config = check->config;
	const int r = listeners_check(config->listeners, config->n_listeners);

	if (r == PATHS_HIDDEN)
		return hidden(check, text);
	if (r < 0)
		return r;
	for (size_t i = 0; i < config->n_listeners; i++) {
		const struct listener_wanted *wanted = &config->listeners[i];
		const size_t len = strlen(text);

		(void)snprintf(text + len, CHECK_TEXT_MAX - len, "%s%s (\"%s\", mode %04o)", i > 0 ? ", " : "",
			wanted->path, wanted->name, (unsigned)wanted->mode);
	}
	if (r == PATHS_ABSENT) {
		const size_t len = strlen(text);

		(void)snprintf(text + len, CHECK_TEXT_MAX - len,
			"; " LISTENERS_UNIT_FOLDER " is not there: cekd.service makes it");
		return CHECK_NOTE;
	}
	return CHECK_OK;
}

static int limits(struct check *check, char *text)
{
	(void)text;
	return check_broker(&check->child);
}

static int journals(struct check *check, char *text)
{
	if (check->state.directory >= 0 && !check->stranger)
		return check_journal(&check->child, &check->state, &check->last_time);
	(void)snprintf(text, CHECK_TEXT_MAX, "the state directory cannot be seen");
	return CHECK_SKIPPED;
}

static const char *written(uint64_t time_us, char ret_text[TIME_MAX])
{
	const time_t seconds = (time_t)(time_us / US_PER_SECOND);
	struct tm parts;

	if (gmtime_r(&seconds, &parts) == NULL || strftime(ret_text, TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		(void)snprintf(ret_text, TIME_MAX, "?");
	return ret_text;
}

/* A clock that stands before what was written by it: then nothing is destroyed, and new records are out of order. */
static int time_of_day(struct check *check, char *text)
{
	const uint64_t now = clock_real_us();
	char shown[TIME_MAX], last[TIME_MAX], span[DURATION_MAX];

	(void)written(now, shown);
	if (check->last_time == 0) {
		(void)snprintf(text, CHECK_TEXT_MAX, "%s; no record to compare it with", shown);
		return CHECK_OK;
	}
	(void)snprintf(text, CHECK_TEXT_MAX, "%s, the last record is of %s", shown, written(check->last_time, last));
	if (now >= check->last_time)
		return CHECK_OK;
	log_warning("the clock stands %s before the journal's last record: set it, else nothing is destroyed",
		duration_words((check->last_time - now) / US_PER_SECOND, span));
	return CHECK_WARNING;
}

static int token(struct check *check, char *text)
{
	if (!check->stranger)
		return check_token(&check->child);
	(void)snprintf(text, CHECK_TEXT_MAX, "you may not see what the user that starts cekd may");
	return CHECK_SKIPPED;
}

static const struct {
	const char *what;
	int (*look)(struct check *check, char *text);
} looks[] = {
	{"configuration", configuration},
	{"accounts", accounts},
	{"rules", rules},
	{"programs", programs},
	{"module file", module},
	{"PIN file", pin_file},
	{"state directory", state_directory},
	{"other cekd", other_cekd},
	{"listeners", listeners},
	{"limits", limits},
	{"journals", journals},
	{"clock", time_of_day},
	{"token", token},
};

int check_run(const struct check_options *options)
{
	struct check check = {
		.options = options,
		.config = options->config,
		.child = {.config = options->config, .programs = options->programs},
		.state = {.directory = -1},
	};
	int found = CHECK_OK;

	for (size_t i = 0; found >= 0 && i < sizeof(looks) / sizeof(looks[0]); i++) {
		char text[CHECK_TEXT_MAX] = "";

		found = looks[i].look(&check, text);
		check_say(found, looks[i].what, text);
	}
	state_look_end(&check.state);
	return found < 0 ? found : 0;
}
