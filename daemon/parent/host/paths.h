/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders of paths that cekd acts on more than once, as root perhaps: looked at one by one from / on and held by
 * descriptor, so that nobody but root, or the user that cekd runs as, can put something else in their place in between.
 *
 * No folder may belong to anybody else. Only a sticky one, as /tmp, may be writable for others, with one below it that
 * is not. A symbolic link is followed where nobody else could have made it: in a folder that only those two can write.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

enum {
	PATHS_WHY_MAX = PATH_MAX + 256, /* bytes of a reason */
};

enum paths_kind {
	PATHS_OWN,    /* what is made in it stays: nobody else can write it */
	PATHS_PARENT, /* of a folder that is judged itself: may be sticky and writable for others */
};

/* Open (O_PATH) the folder at path, which is absolute. 0, or -errno with what is wrong with which folder in ret_why
 * (PATHS_WHY_MAX bytes): -EPERM if others could change it, -ENOENT if there is none. */
int paths_open(const char *path, enum paths_kind kind, int *ret_fd, char *ret_why);

/* The same for the folder that holds path, whose last name, which is part of path, comes back as well; that of a folder
 * (PATHS_PARENT) with the slashes behind it. -EINVAL if there is none. */
int paths_open_parent(const char *path, enum paths_kind kind, int *ret_fd, const char **ret_name, char *ret_why);

/* Open the plain file at path, which may be relative, with flags of open(2). A link under its last name is followed if
 * it is one of theirs. Whoever owns the file may write it. 0, or -errno as above, -EINVAL if it is no plain file. */
int paths_open_file(const char *path, int flags, int *ret_fd, char *ret_why);

/* What a look at a path that is only checked comes to. */
enum paths_outcome {
	PATHS_SEEN,
	PATHS_ABSENT, /* it may be made just before the start */
	PATHS_HIDDEN, /* who checks may not be who starts */
};

/* Whether what they say now is no error of a configuration that is only checked. */
bool paths_may_change(int r);

/* -errno as it is, or which outcome it stands for if it is no error. */
int paths_outcome(int r);
