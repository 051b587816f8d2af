/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets that peers connect to. cekd opens them and hands them to the broker; it never accepts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

enum {
	LISTENERS_MAX = 16,
	LISTENERS_NAME_MAX = 256, /* bytes of a name that is handed on, with its NUL */
	LISTENERS_PATH_MAX = 108,
};

struct listener_wanted {
	char *name;
	char *path; /* fits into a sockaddr_un */
	mode_t mode;
	uid_t owner; /* (uid_t)-1: leave it */
	gid_t group;
};

struct listener_file {
	int folder;       /* -1: systemd made it, and keeps it */
	const char *name; /* in that folder; of what is wanted */
	int made;         /* O_PATH: while it is held no other file has its inode number */
	bool borrowed;    /* another process removes it */
};

/* One that another cekd has opened and hands on. */
struct listener_handed {
	char name[LISTENERS_NAME_MAX];
	char path[LISTENERS_PATH_MAX];
	int fd;
	int folder, made; /* as above; -1: not to be removed */
	bool taken;       /* by listeners_take() */
};

struct listeners {
	int fds[LISTENERS_MAX];                    /* in the order of what is wanted */
	struct listener_file files[LISTENERS_MAX]; /* removed at the end */
	size_t n;
};

/* Take those that the service manager passed (LISTEN_FDS, by name) and make the others, in folders that nobody else can
 * write (paths.h). Failures are logged. A socket file that nobody answers on is replaced. n is LISTENERS_MAX at most.
 * 0 or -errno; on failure nothing stays open. wanted must outlive ret_listeners. */
int listeners_open(const struct listener_wanted *wanted, size_t n, struct listeners *ret_listeners);

#define LISTENERS_UNIT_FOLDER "/run/cekd" /* cekd.service makes it at the start */

/* Whether they can be made, as far as that is known before: what is wrong is logged. LISTENERS_UNIT_FOLDER that is not
 * there yet, and what who asks may not look at or write to (a warning), is not. n is LISTENERS_MAX at most. The outcome
 * of paths.h that is farthest from PATHS_SEEN, or -EINVAL. A socket file need not be there, its folder counts. */
int listeners_check(const struct listener_wanted *wanted, size_t n);

/* As listeners_open(), beside another cekd that serves on those that it has handed on (n_handed is LISTENERS_MAX at
 * most): one of the same path is taken, and stays the other's as well until listeners_inherit(). The descriptors of
 * handed belong to ret_listeners, or to the caller if they are not taken. */
int listeners_take(const struct listener_wanted *wanted, size_t n, struct listener_handed *handed, size_t n_handed,
	struct listeners *ret_listeners);

/* The other one has gone: those that were taken get the mode and owner that are wanted, those that were not are
 * removed. */
void listeners_inherit(struct listeners *listeners, const struct listener_wanted *wanted,
	struct listener_handed *handed, size_t n_handed);

/* Close them and remove the socket files that were made here. */
void listeners_close(struct listeners *listeners);
