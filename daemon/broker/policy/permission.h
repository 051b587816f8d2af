/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a rule of cekd.conf can grant. The names stand in rules, in the audit journal and in the metrics.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum permission {
	PERMISSION_UNWRAP,
	PERMISSION_WRAP,
	PERMISSION_GENERATE,
	PERMISSION_REWRAP,
	PERMISSION_CREATE,
	PERMISSION_ROTATE,
	PERMISSION_STATE,
	PERMISSION_DESTROY,
	PERMISSION_IMPORT,
	PERMISSION_ADOPT,
	PERMISSION_SCHEDULE,
	PERMISSION_LIST,
	PERMISSION_PUBLIC,
	PERMISSION_STATUS,
	PERMISSION_METRICS,
	PERMISSION_WATCH,
	PERMISSION_FSCK,
	PERMISSION_RESTORE,
	PERMISSION_COUNT,
};

/* Static storage. */
const char *permission_name(enum permission permission);

/* The permission of that name; -1 if there is none. */
int permission_find(const char *name);

/* Whether it is about a key, so that a rule's keys count. */
bool permission_names_key(int permission);
