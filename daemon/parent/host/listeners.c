/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/host/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/parent/host/paths.h"
#include "daemon/parent/host/socket_file.h"
#include "daemon/shared/testhook.h"

enum {
	LISTEN_FDS_START = 3, /* sd_listen_fds(3) */
};

static void set_address(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, path, strlen(path)); /* it fits: see listeners.h */
}

/* Is the socket file of a daemon that is gone in the way? Then remove it. Only root, or the user of cekd, can have put
 * it there: the folder has been judged. */
static int remove_stale(int folder, const char *name, const struct sockaddr_un *address)
{
	struct stat st;
	int fd, r = -EADDRINUSE;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return S_ISLNK(st.st_mode) ? -ELOOP : -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 && errno == ECONNREFUSED)
		r = unlinkat(folder, name, 0) < 0 && errno != ENOENT ? -errno : 0;
	(void)close(fd);
	return r;
}

/* Nobody can connect before owner and mode are set: the file is made without any permission. bind() makes it or fails:
 * it follows no link that stands under its name. */
static int bind_and_listen(int fd, int folder, const char *name, const struct listener_wanted *wanted, int *ret_made)
{
	struct sockaddr_un address;
	int r, made = -1;
	mode_t mask;

	set_address(&address, wanted->path);
	r = remove_stale(folder, name, &address);
	if (r < 0)
		return r;
	mask = umask(0777);
	r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	(void)umask(mask);
	if (r < 0)
		return r;
	testhook_step("listener-bound");
	r = socket_file_open(folder, name, &made);
	if (r < 0)
		return r;
	r = socket_file_set_access(made, wanted->mode, wanted->owner, wanted->group);
	if (r == 0 && listen(fd, SOMAXCONN) < 0)
		r = -errno;
	if (r < 0) {
		socket_file_remove(folder, name, made);
		(void)close(made);
		return r;
	}
	*ret_made = made;
	return 0;
}

static const char *explain(int r)
{
	switch (r) {
	case -EADDRINUSE:
		return "another process answers there: stop it, or choose another path";
	case -EEXIST:
		return "a file that is not a socket is in the way";
	case -ELOOP:
		return "a symbolic link is in the way: remove it, or name the path that it stands for";
	case -EPERM:
		return "cekd may not give it to that owner or group: have systemd make the socket (SocketUser=, "
		       "SocketGroup=)";
	case -ESTALE:
		return "something else was put in the place of the new socket: look who writes in its folder";
	default:
		return strerror(-r);
	}
}

static int fail(const struct listener_wanted *wanted, const char *why)
{
	log_error("listener \"%s\": %s: %s", wanted->name, wanted->path, why);
	return -EINVAL;
}

/* Cekd makes no folder for a socket: whose it shall be it cannot know. */
static int fail_at_folder(const struct listener_wanted *wanted, int r, char why[PATHS_WHY_MAX])
{
	const size_t len = strlen(why);

	if (r == -ENOENT)
		(void)snprintf(why + len, PATHS_WHY_MAX - len,
			": make it before the start (tmpfiles.d, RuntimeDirectory=)");
	return fail(wanted, why);
}

static bool same_place(const struct listener_file *a, const struct listener_file *b)
{
	struct stat x, y;

	return a->folder >= 0 && b->folder >= 0 && strcmp(a->name, b->name) == 0 && fstat(a->folder, &x) == 0 &&
		fstat(b->folder, &y) == 0 && socket_file_same(&x, &y);
}

/* Whether one of those before it has the same file. The same path is refused before; this one is spelt differently. */
static int check_twins(const struct listener_wanted *wanted, const struct listener_file *files, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (same_place(&files[j], &files[i])) {
			log_error("listener \"%s\": %s is the same file as that of listener \"%s\", %s: choose another "
				  "path",
				wanted[i].name, wanted[i].path, wanted[j].name, wanted[j].path);
			return -EINVAL;
		}
	return 0;
}

static void close_file(struct listener_file *file)
{
	if (file->made >= 0)
		(void)close(file->made);
	if (file->folder >= 0)
		(void)close(file->folder);
	file->made = file->folder = -1;
}

static int open_one(const struct listener_wanted *wanted, size_t i, struct listeners *listeners)
{
	struct listener_file *file = &listeners->files[i];
	char why[PATHS_WHY_MAX];
	int fd, r = paths_open_parent(wanted[i].path, PATHS_OWN, &file->folder, &file->name, why);

	if (r < 0)
		return fail_at_folder(&wanted[i], r, why);
	r = check_twins(wanted, listeners->files, i);
	if (r < 0) {
		close_file(file);
		return r;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = fd < 0 ? -errno : bind_and_listen(fd, file->folder, file->name, &wanted[i], &file->made);
	if (r < 0) {
		(void)fail(&wanted[i], explain(r));
		if (fd >= 0)
			(void)close(fd);
		close_file(file);
		return r;
	}
	listeners->fds[i] = fd;
	return 0;
}

/* What cekd.service makes itself (RuntimeDirectory=) before it starts cekd. */
static bool in_unit_folder(const char *path)
{
	const size_t len = strlen(LISTENERS_UNIT_FOLDER);

	return strncmp(path, LISTENERS_UNIT_FOLDER "/", len + 1) == 0 && strchr(path + len + 1, '/') == NULL;
}

/* Of who asks. Read-only is so for everybody. */
static int check_writable(int folder)
{
	return faccessat(folder, ".", W_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static int check_one(const struct listener_wanted *wanted, size_t i, struct listener_file *files)
{
	char why[PATHS_WHY_MAX];
	struct stat st;
	int r = paths_open_parent(wanted[i].path, PATHS_OWN, &files[i].folder, &files[i].name, why);
	const bool folder = r == 0;

	if (folder) {
		if (fstatat(files[i].folder, files[i].name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			r = errno == ENOENT ? check_writable(files[i].folder) : -errno;
		else if (!S_ISSOCK(st.st_mode))
			r = S_ISLNK(st.st_mode) ? -ELOOP : -EEXIST;
		(void)snprintf(why, sizeof(why), "%s", explain(r));
	}
	if (r < 0 && (r == -ENOENT ? !in_unit_folder(wanted[i].path) : !paths_may_change(r)))
		return fail_at_folder(&wanted[i], r, why);
	if (r < 0 && r != -ENOENT)
		log_warning("listener \"%s\": %s: %s", wanted[i].name, wanted[i].path, why);
	return check_twins(wanted, files, i) < 0 ? -EINVAL : paths_outcome(r);
}

int listeners_check(const struct listener_wanted *wanted, size_t n)
{
	struct listener_file files[LISTENERS_MAX];
	int worst = PATHS_SEEN;

	for (size_t i = 0; i < n; i++) {
		int r;

		files[i] = (struct listener_file){.folder = -1, .made = -1};
		r = check_one(wanted, i, files);
		if (r < 0 || (worst >= 0 && r > worst))
			worst = r;
	}
	for (size_t i = 0; i < n; i++)
		close_file(&files[i]);
	return worst;
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

static int adopt_one(const struct listener_wanted *wanted, const char *name, int fd, struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->n; i++) {
		if (strcmp(wanted[i].name, name) != 0)
			continue;
		if (listeners->fds[i] >= 0 || !usable(fd)) {
			log_error("listener \"%s\": the service manager passed no listening Unix stream socket, or two",
				name);
			return -EINVAL;
		}
		listeners->fds[i] = fd;
		return 0;
	}
	log_error("the service manager passed a socket named \"%s\": no listener of the configuration is called so "
		  "(FileDescriptorName=)",
		name);
	return -EINVAL;
}

/* LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES as sd_listen_fds_with_names(3) has them. */
static int adopt_passed(const struct listener_wanted *wanted, struct listeners *listeners)
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

		r = adopt_one(wanted, name != NULL ? name : "", LISTEN_FDS_START + i, listeners);
	}
	free(copy);
	return r;
}

int listeners_open(const struct listener_wanted *wanted, size_t n, struct listeners *ret_listeners)
{
	struct listeners listeners = {.n = n};
	int r;

	for (size_t i = 0; i < LISTENERS_MAX; i++)
		listeners.fds[i] = listeners.files[i].folder = listeners.files[i].made = -1;
	r = adopt_passed(wanted, &listeners);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (listeners.fds[i] >= 0)
			continue;
		r = open_one(wanted, i, &listeners);
	}
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (r < 0) {
		listeners_close(&listeners);
		return r;
	}
	*ret_listeners = listeners;
	return 0;
}

static struct listener_handed *find_handed(struct listener_handed *handed, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (!handed[i].taken && strcmp(handed[i].path, path) == 0)
			return &handed[i];
	return NULL;
}

int listeners_take(const struct listener_wanted *wanted, size_t n, struct listener_handed *handed, size_t n_handed,
	struct listeners *ret_listeners)
{
	struct listeners listeners = {.n = n};
	int r = 0;

	for (size_t i = 0; i < LISTENERS_MAX; i++)
		listeners.fds[i] = listeners.files[i].folder = listeners.files[i].made = -1;
	for (size_t i = 0; i < n && r == 0; i++) {
		struct listener_handed *one = find_handed(handed, n_handed, wanted[i].path);

		if (one == NULL) {
			r = open_one(wanted, i, &listeners);
			continue;
		}
		one->taken = true;
		listeners.fds[i] = one->fd;
		listeners.files[i] = (struct listener_file){.folder = one->folder,
			.name = strrchr(wanted[i].path, '/') + 1,
			.made = one->made,
			.borrowed = true};
	}
	if (r < 0) {
		listeners_close(&listeners);
		return r;
	}
	*ret_listeners = listeners;
	return 0;
}

void listeners_inherit(struct listeners *listeners, const struct listener_wanted *wanted,
	struct listener_handed *handed, size_t n_handed)
{
	for (size_t i = 0; i < listeners->n; i++) {
		struct listener_file *file = &listeners->files[i];
		const struct listener_wanted *its = &wanted[i];
		const int r = file->borrowed && file->made >= 0
			? socket_file_set_access(file->made, its->mode, its->owner, its->group)
			: 0;

		file->borrowed = false;
		if (r < 0)
			log_warning("listener \"%s\": %s: %s", wanted[i].name, wanted[i].path, strerror(-r));
	}
	for (size_t i = 0; i < n_handed; i++) {
		if (handed[i].taken)
			continue;
		if (handed[i].made >= 0)
			socket_file_remove(handed[i].folder, strrchr(handed[i].path, '/') + 1, handed[i].made);
		close_file(&(struct listener_file){.folder = handed[i].folder, .made = handed[i].made});
		(void)close(handed[i].fd);
	}
}

void listeners_close(struct listeners *listeners)
{
	testhook_step("listeners-closing");
	for (size_t i = 0; i < listeners->n; i++) {
		struct listener_file *file = &listeners->files[i];

		if (file->made >= 0 && !file->borrowed)
			socket_file_remove(file->folder, file->name, file->made);
		close_file(file);
		if (listeners->fds[i] >= 0)
			(void)close(listeners->fds[i]);
		listeners->fds[i] = -1;
	}
}
