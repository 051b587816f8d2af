/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/cekctl/console/exits.h"

enum {
	NAME_BYTES = 64,
	GROUPS = 4096,
	PATH_SHOWN = 160, /* of a path in a text */
};

static const char another_socket[] = "--socket PATH or $CEK_SOCKET names another socket";

const char *reach_path(const struct ctl *ctl, bool *ret_default)
{
	const char *path = ctl->socket ? ctl->socket : getenv("CEK_SOCKET");

	*ret_default = !path || !*path;
	return *ret_default ? "/run/cekd/cekd.sock" : path;
}

int reach_try(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, error = 0;

	if (strlen(path) >= sizeof(address.sun_path))
		return ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		error = errno;
	close(fd);
	return error;
}

static const char *user_name(uid_t uid, char name[NAME_BYTES])
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		snprintf(name, NAME_BYTES, "%s", user->pw_name);
	else
		snprintf(name, NAME_BYTES, "%u", (unsigned)uid);
	return name;
}

static const char *group_name(gid_t gid, char name[NAME_BYTES])
{
	const struct group *group = getgrgid(gid);

	if (group)
		snprintf(name, NAME_BYTES, "%s", group->gr_name);
	else
		snprintf(name, NAME_BYTES, "%u", (unsigned)gid);
	return name;
}

/* Whether the user database puts this user into the group; a process has the groups of its login. */
static bool is_member(gid_t gid)
{
	const struct passwd *user = getpwuid(geteuid());
	static gid_t groups[GROUPS];
	int n = GROUPS;

	if (!user || getgrouplist(user->pw_name, user->pw_gid, groups, &n) < 0)
		return false;
	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

/* What keeps this user from the socket: a folder on the way that must not be passed, or the socket itself. */
static bool find_barrier(const char *path, char ret_barrier[PATH_MAX], struct stat *ret_stat)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%s", path);
	for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (faccessat(AT_FDCWD, folder, X_OK, AT_EACCESS) < 0) {
			snprintf(ret_barrier, PATH_MAX, "%s", folder);
			return stat(folder, ret_stat) == 0;
		}
		*slash = '/';
	}
	snprintf(ret_barrier, PATH_MAX, "%s", folder);
	return stat(folder, ret_stat) == 0;
}

static void explain_group(const struct stat *st, char hint[REACH_TEXT])
{
	char group[NAME_BYTES], owner[NAME_BYTES], user[NAME_BYTES];
	mode_t needed = S_ISDIR(st->st_mode) ? S_IXGRP : S_IWGRP;

	group_name(st->st_gid, group);
	user_name(geteuid(), user);
	user_name(st->st_uid, owner);
	if (!(st->st_mode & needed) || st->st_gid == 0)
		snprintf(hint, REACH_TEXT, "only %s may: run this as %s, or %s", owner, owner, another_socket);
	else if (is_member(st->st_gid))
		snprintf(hint, REACH_TEXT, "%s is in group %s, but not yet in this session: log in again", user, group);
	else
		snprintf(hint, REACH_TEXT,
			"group %s may: an administrator adds you (usermod -aG %s %s), then log in again; or %s", group,
			group, user, another_socket);
}

static void explain_permission(const char *path, struct reach *reach)
{
	char barrier[PATH_MAX];
	struct stat st;
	bool known = find_barrier(path, barrier, &st);

	reach->status = STATUS_PERMISSION;
	if (strcmp(barrier, path) == 0)
		snprintf(reach->message, REACH_TEXT, "no permission to open the socket %.*s", PATH_SHOWN, path);
	else
		snprintf(reach->message, REACH_TEXT, "no permission to open the socket %.*s: its folder %.*s is closed",
			PATH_SHOWN, path, PATH_SHOWN, barrier);
	if (known)
		explain_group(&st, reach->hint);
}

static const char *no_cekd(const char *path, int error)
{
	struct stat st;

	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return "there is no such socket";
	case ECONNREFUSED:
		return stat(path, &st) == 0 && !S_ISSOCK(st.st_mode) ? "that is no socket"
								     : "nobody listens on this socket";
	case EPROTOTYPE:
		return "that is a socket of another kind";
	case ECONNRESET:
		return "the connection was closed at once, without a word";
	default:
		return strerror(error);
	}
}

void reach_explain(const char *path, int error, struct reach *ret_reach)
{
	*ret_reach = (struct reach){.status = "E_CONNECT"};
	if (error == EACCES || error == EPERM) {
		explain_permission(path, ret_reach);
		return;
	}
	snprintf(ret_reach->message, REACH_TEXT, "no cekd at %.*s: %s", PATH_SHOWN, path, no_cekd(path, error));
	if (error == ECONNRESET)
		snprintf(ret_reach->hint, REACH_TEXT,
			"this user has too many connections, or is not mapped into cekd's user namespace: its log says "
			"which");
	else if (error == ENOENT || error == ENOTDIR || error == ECONNREFUSED || error == EPROTOTYPE)
		snprintf(ret_reach->hint, REACH_TEXT, "is cekd running (systemctl status cekd)? %s", another_socket);
}
