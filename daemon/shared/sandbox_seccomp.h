/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The half of sandbox_enter() that seccomp does.
 */
#pragma once

#include "daemon/shared/sandbox_role.h"

/* Broker and journal get an allow-list, parent and token, which runs foreign code, a deny-list. 0 or -errno. */
int sandbox_seccomp(enum sandbox_role role);
