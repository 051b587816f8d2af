/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/host/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static struct {
	struct sockaddr_un address;
	socklen_t address_len; /* 0: nobody listens */
	bool watchdog;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)], watchdog_usec[24];
} notify;

static void take_socket(const char *path)
{
	const size_t len = strlen(path);

	if (len < 2 || len >= sizeof(notify.address.sun_path) || (*path != '/' && *path != '@'))
		return;
	notify.address.sun_family = AF_UNIX;
	memcpy(notify.address.sun_path, path, len);
	if (*path == '@') /* abstract */
		notify.address.sun_path[0] = '\0';
	notify.address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	memcpy(notify.path, path, len);
}

void notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET"), *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (path != NULL)
		take_socket(path);
	notify.watchdog = usec != NULL && (pid == NULL || strtol(pid, NULL, 10) == (long)getpid());
	if (notify.watchdog)
		(void)snprintf(notify.watchdog_usec, sizeof(notify.watchdog_usec), "%s", usec);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

void notify_close(void)
{
	if (notify.address_len > 0)
		(void)setenv("NOTIFY_SOCKET", notify.path, 1);
	if (notify.watchdog)
		(void)setenv("WATCHDOG_USEC", notify.watchdog_usec, 1);
}

/* Never waits: a manager that does not read must not stop cekd. 0 or -errno. */
static int send_line(const char *line)
{
	int fd, r = 0;

	if (notify.address_len == 0)
		return 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, line, strlen(line), MSG_NOSIGNAL, (struct sockaddr *)&notify.address, notify.address_len) < 0)
		r = -errno;
	(void)close(fd);
	return r;
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
