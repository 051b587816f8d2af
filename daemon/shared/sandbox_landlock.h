/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The half of sandbox_enter() that Landlock does.
 */
#pragma once

#include "daemon/shared/sandbox_role.h"

/* Of the file system only paths (may be NULL) stay reachable, for broker and journal TCP goes too. no_new_privs must be
 * set. Returns the ABI that was used, 0 if the kernel has none, or -errno. */
int sandbox_landlock(enum sandbox_role role, const struct sandbox_path *paths);
