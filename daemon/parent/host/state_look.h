/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state directory as it lies there, for who only wants to know: nothing is made, nothing stays locked.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	STATE_FREE_LOW = 64 << 20, /* bytes: less is worth a warning */
};

struct state_found {
	int directory; /* O_RDONLY */
	uid_t uid;
	mode_t mode;
	char mount[PATH_MAX]; /* where its file system begins */
	uint64_t free;        /* bytes that are left there for who is not root */
	bool read_only;
	bool used;    /* a cekd runs on it */
	bool lagging; /* none does, but processes of an earlier one are still there */
	pid_t holder; /* of either; 0: the kernel does not say */
};

/* Of a directory that state_check() has seen. Closed with state_look_end(). 0 or -errno. */
int state_look(const char *path, struct state_found *ret_found);
void state_look_end(struct state_found *found);

/* A journal's file, to read: 0 and a descriptor; -ENOENT if there is none; other -errno. */
int state_look_at(const struct state_found *found, const char *name, int *ret_fd);
