/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the service manager is told (sd_notify(3)). Without NOTIFY_SOCKET nothing is sent.
 */
#pragma once

#include <stdbool.h>

/* Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and take them out of the environment. */
void notify_open(void);

void notify_ready(void);

/* RELOADING=1 with the time; notify_ready() ends it. */
void notify_reloading(void);

/* Put them back, for a program that takes this one's place (execve). */
void notify_close(void);

void notify_stopping(void);
void notify_status(const char *text);

/* Only if systemd asked for it. */
void notify_watchdog(void);
