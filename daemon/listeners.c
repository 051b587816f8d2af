#include "daemon/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/log.h"

enum {
	LISTEN_FDS_START = 3, /* sd_listen_fds(3) */
};

static void set_address(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, path, strlen(path)); /* the configuration checked that it fits */
}

/* Is the socket file of a daemon that is gone in the way? Then remove it. */
static int remove_stale(const struct sockaddr_un *address)
{
	struct stat st;
	int fd, r = -EADDRINUSE;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 && errno == ECONNREFUSED)
		r = unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
	(void)close(fd);
	return r;
}

static int set_access(const struct config_listener *wanted)
{
	if ((wanted->owner != (uid_t)-1 || wanted->group != (gid_t)-1) &&
	    chown(wanted->path, wanted->owner, wanted->group) < 0)
		return -errno;
	return chmod(wanted->path, wanted->mode) < 0 ? -errno : 0;
}

/* Nobody can connect before owner and mode are set: the file is made without any permission. */
static int bind_and_listen(int fd, const struct config_listener *wanted)
{
	struct sockaddr_un address;
	mode_t mask;
	int r;

	set_address(&address, wanted->path);
	r = remove_stale(&address);
	if (r < 0)
		return r;
	mask = umask(0777);
	r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	(void)umask(mask);
	if (r < 0)
		return r;
	r = set_access(wanted);
	if (r == 0 && listen(fd, SOMAXCONN) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(wanted->path);
	return r;
}

static const char *explain(int r)
{
	switch (r) {
	case -EADDRINUSE:
		return "another process answers there: stop it, or choose another path";
	case -EEXIST:
		return "a file that is not a socket is in the way";
	case -ENOENT:
		return "its directory does not exist: make it, or let systemd-tmpfiles do so";
	default:
		return strerror(-r);
	}
}

static int open_one(const struct config_listener *wanted, int *ret_fd)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? -errno : bind_and_listen(fd, wanted);

	if (r < 0) {
		log_error("listener \"%s\": %s: %s", wanted->name, wanted->path, explain(r));
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static bool usable(int fd)
{
	int listening = 0, domain = 0, type = 0;
	socklen_t len = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening &&
	       getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM &&
	       fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0;
}

static int adopt_one(const struct config *config, const char *name, int fd, struct listeners *listeners)
{
	for (size_t i = 0; i < config->n_listeners; i++) {
		if (strcmp(config->listeners[i].name, name) != 0)
			continue;
		if (listeners->fds[i] >= 0 || !usable(fd)) {
			log_error("listener \"%s\": the service manager passed no listening Unix stream socket, or two", name);
			return -EINVAL;
		}
		listeners->fds[i] = fd;
		return 0;
	}
	log_error("the service manager passed a socket named \"%s\": no listener of the configuration is called so "
	          "(FileDescriptorName=)", name);
	return -EINVAL;
}

/* LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES as sd_listen_fds_with_names(3) has them. */
static int adopt_passed(const struct config *config, struct listeners *listeners)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
	char *copy, *rest;
	int r = 0;

	if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	copy = rest = strdup(names != NULL ? names : "");
	if (copy == NULL)
		return -ENOMEM;
	for (int i = 0; i < (int)strtol(count, NULL, 10) && r == 0; i++) {
		const char *name = strsep(&rest, ":");

		r = adopt_one(config, name != NULL ? name : "", LISTEN_FDS_START + i, listeners);
	}
	free(copy);
	return r;
}

int listeners_open(const struct config *config, struct listeners *ret_listeners)
{
	struct listeners listeners = {.n = config->n_listeners};
	int r;

	for (size_t i = 0; i < CONFIG_LISTENERS_MAX; i++)
		listeners.fds[i] = -1;
	r = adopt_passed(config, &listeners);
	for (size_t i = 0; i < config->n_listeners && r == 0; i++) {
		if (listeners.fds[i] >= 0)
			continue;
		r = open_one(&config->listeners[i], &listeners.fds[i]);
		listeners.made[i] = r == 0;
	}
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (r < 0) {
		listeners_close(config, &listeners);
		return r;
	}
	*ret_listeners = listeners;
	return 0;
}

void listeners_close(const struct config *config, struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->n; i++) {
		if (listeners->made[i])
			(void)unlink(config->listeners[i].path);
		if (listeners->fds[i] >= 0)
			(void)close(listeners->fds[i]);
		listeners->fds[i] = -1;
		listeners->made[i] = false;
	}
}
