/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "daemon/broker/policy/permission.h"

static const char *const names[PERMISSION_COUNT] = {
	[PERMISSION_UNWRAP] = "unwrap",
	[PERMISSION_WRAP] = "wrap",
	[PERMISSION_GENERATE] = "generate",
	[PERMISSION_REWRAP] = "rewrap",
	[PERMISSION_CREATE] = "create",
	[PERMISSION_ROTATE] = "rotate",
	[PERMISSION_STATE] = "state",
	[PERMISSION_DESTROY] = "destroy",
	[PERMISSION_IMPORT] = "import",
	[PERMISSION_ADOPT] = "adopt",
	[PERMISSION_SCHEDULE] = "schedule",
	[PERMISSION_LIST] = "list",
	[PERMISSION_PUBLIC] = "public",
	[PERMISSION_STATUS] = "status",
	[PERMISSION_METRICS] = "metrics",
	[PERMISSION_WATCH] = "watch",
	[PERMISSION_FSCK] = "fsck",
	[PERMISSION_RESTORE] = "restore",
};

const char *permission_name(enum permission permission)
{
	return names[permission];
}

int permission_find(const char *name)
{
	for (int i = 0; i < PERMISSION_COUNT; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

bool permission_names_key(int permission)
{
	switch (permission) {
	case PERMISSION_STATUS:
	case PERMISSION_METRICS:
	case PERMISSION_WATCH:
	case PERMISSION_FSCK:
	case PERMISSION_RESTORE:
		return false;
	default:
		return true;
	}
}
