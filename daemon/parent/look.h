/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cekd sees of itself and its children in /proc: for Status, which tells what is in force and not what was meant
 * to be.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/parent/family.h"

enum {
	LOOK_MAX = 3 + 1 + 2 * CONFIG_WORKERS_MAX, /* processes */
};

struct look {
	Cek__Internal__V1__ProcessLook rows[LOOK_MAX];
	Cek__Internal__V1__ProcessLook *list[LOOK_MAX];
	size_t n;
};

/* A process that cannot be looked at (hidepid=, ProtectProc=) is left out. */
void look_around(struct family *family, struct look *ret_look);

/* One of the processes that are ready was not looked at since. */
bool look_is_due(struct family *family);
