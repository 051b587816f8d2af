/*
 * The two halves of sandbox_enter(), for sandbox.c alone.
 */
#pragma once

#include "daemon/shared/sandbox.h"

/* Landlock: of the file system only paths stay reachable, for broker and journal TCP goes too. no_new_privs must be set.
 * Returns the ABI that was used, 0 if the kernel has none, or -errno. */
int sandbox_landlock(enum sandbox_role role, const struct sandbox_path *paths);

/* seccomp: broker and journal get an allow-list, parent and token, which runs foreign code, a deny-list. 0 or -errno. */
int sandbox_seccomp(enum sandbox_role role);
