/*
 * cekd.conf, read and checked in whole before anything is started (cekd.conf(5)).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "daemon/parent/host/accounts.h"
#include "daemon/parent/host/listeners.h"
#include "proto/internal.pb-c.h"

enum {
	CONFIG_RULES_MAX = 256,
	CONFIG_WORKERS_MAX = 64,
	CONFIG_ERROR_MAX = 512, /* bytes of an error line that are kept */
};

struct config {
	char *module;
	char *token;               /* RFC 7512 URI as text */
	char *pin_file;
	char *module_init_reserved; /* "" if none */
	char **module_environment; /* NAME=value, NULL at the end */
	char *state_directory;
	char *sandbox;
	unsigned workers;
	unsigned worker_memory; /* MiB */
	unsigned call_timeout;  /* seconds */
	unsigned audit_sync_ms;
	unsigned usage_seconds;
	unsigned destroy_wait;     /* seconds */
	unsigned destroy_wait_min; /* seconds */
	unsigned skew;             /* seconds */
	bool copy_keys;
	bool audit_durable;

	bool split_uids; /* the three accounts are set */
	struct account broker, worker, journal;

	struct listener_wanted *listeners;
	size_t n_listeners;
	Cek__Internal__V1__Rule **rules;
	size_t n_rules;
	Cek__Internal__V1__Limits limits;
};

/* Read file, called name in messages. split_uids: started as root, so the accounts must exist. 0, or -EINVAL with
 * "FILE:LINE: what is wrong and what to do" in ret_error (CONFIG_ERROR_MAX bytes), or -ENOMEM. */
int config_parse(FILE *file, const char *name, bool split_uids, struct config **ret_config, char *ret_error);

/* The same from a path; a file that cannot be read is -EINVAL with the reason in ret_error. Warns in the log if others than
 * root or the user of cekd can write it. */
int config_load(const char *path, bool split_uids, struct config **ret_config, char *ret_error);

/* NULL-safe; returns NULL. */
struct config *config_free(struct config *config);

/* The name of the first thing that differs and that only a restart changes; NULL if there is none. */
const char *config_needs_restart(const struct config *running, const struct config *next);

/* The first rule of next that names a listener which running does not have, so that it can be taken only with a restart;
 * NULL if there is none. */
const char *config_rule_needs_restart(const struct config *running, const struct config *next);
