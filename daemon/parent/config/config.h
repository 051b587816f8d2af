/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cekd.conf says (cekd.conf(5)), as data: load.c reads it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
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
	unsigned lines; /* of the file */
	char *module;
	char *token; /* RFC 7512 URI as text */
	char *pin_file;
	char *module_init_reserved; /* "" if none */
	char **module_environment;  /* NAME=value, NULL at the end */
	char **module_paths;        /* NULL at the end */
	char *state_directory;
	char *sandbox;
	unsigned workers;
	unsigned worker_memory; /* MiB */
	unsigned call_timeout;  /* seconds */
	unsigned hang_seconds;
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

/* NULL-safe; returns NULL. */
struct config *config_free(struct config *config);
