/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each process gives up once it is set up: new privileges, core dumps and ptrace, the file system (Landlock), and
 * the system calls that its work does not need (seccomp).
 */
#pragma once

#include <stddef.h>

#include "daemon/shared/sandbox_role.h"

/* Enter the sandbox of this role; mode is "auto", "required" or "off". paths (may be NULL) are what Landlock leaves
 * open. Returns 0 and a line for Status in report ("seccomp, landlock 2, no core dumps" or what is missing and why), or
 * -errno when mode is "required" and something is missing; report says what, in every case. */
int sandbox_enter(enum sandbox_role role, const char *mode, const struct sandbox_path *paths, char *report,
	size_t report_size);

/* After execve(2) in one that was entered before: what does not outlive that. */
int sandbox_reenter(const char *mode);
