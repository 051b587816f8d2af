/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a journal's file stands. An open file that was removed, moved away or replaced still takes what is written, and
 * the next start finds none of it; the same goes for a state directory that was moved, unmounted or mounted over. So it
 * is looked at by its path as well.
 */
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

enum {
	PLACE_WHY_MAX = 320,
	PLACE_IDENTITY_MAX = 64,
};

struct place {
	int directory;    /* the state directory, O_PATH is enough; belongs to the caller */
	const char *path; /* its path */
	const char *file; /* the name in it */
	dev_t dev;        /* of the directory */
	ino_t ino;
};

/* The strings must stay. 0 or -errno. */
int place_init(struct place *place, int directory, const char *path, const char *file);

/* Whether the path leads to the file behind fd, of which st is what fstat(2) just said. 0; -ESTALE with what
 * happened and what to do about it in why, which follows the file's name. What this user may not see is taken for
 * good, but for a file without any name. */
int place_look(const struct place *place, int fd, const struct stat *st, char why[PLACE_WHY_MAX]);

/* Which file this is: "inode:birth", what the file system does not know as 0; a copy of it is another one. Empty if it
 * cannot be looked at. */
void place_identity(int fd, char ret_identity[PLACE_IDENTITY_MAX]);
