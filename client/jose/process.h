/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process this is: a child of fork(2) has neither the locks on memory nor the connection of what was made before.
 */
#pragma once

#include <sys/types.h>

/* As getpid(2), without a system call but for the first time in a process. */
pid_t process_id(void);
