/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/host/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify_socket.h"

static struct {
	struct notify_socket to;
	bool watchdog;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)], watchdog_usec[24];
} notify;

void notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET"), *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	notify.to = notify_socket(path);
	if (notify.to.len > 0)
		(void)snprintf(notify.path, sizeof(notify.path), "%s", path);
	notify.watchdog = usec != NULL && (pid == NULL || strtol(pid, NULL, 10) == (long)getpid());
	if (notify.watchdog)
		(void)snprintf(notify.watchdog_usec, sizeof(notify.watchdog_usec), "%s", usec);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

void notify_close(void)
{
	if (notify.to.len > 0)
		(void)setenv("NOTIFY_SOCKET", notify.path, 1);
	if (notify.watchdog)
		(void)setenv("WATCHDOG_USEC", notify.watchdog_usec, 1);
}

static int send_line(const char *line)
{
	return notify_socket_send(&notify.to, line);
}

void notify_ready(void)
{
	const int r = send_line("READY=1");

	if (r < 0)
		log_warning("telling the service manager: %s", strerror(-r));
}

void notify_reloading(void)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)clock_monotonic_us());
	(void)send_line(line);
}

void notify_stopping(void)
{
	(void)send_line("STOPPING=1");
}

void notify_status(const char *text)
{
	char line[512];

	(void)snprintf(line, sizeof(line), "STATUS=%s", text);
	/* A newline would start another assignment. */
	for (char *c = line; *c != '\0'; c++)
		if (*c == '\n')
			*c = ' ';
	(void)send_line(line);
}

void notify_watchdog(void)
{
	if (notify.watchdog)
		(void)send_line("WATCHDOG=1");
}
