/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start a program as a child that runs as somebody else, has nothing but its control socket, and dies with cekd.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/parent/host/accounts.h"

struct spawn {
	const char *program;      /* path; may lie where the child's user could not reach it */
	int file;                 /* O_PATH: it itself, which another one may have replaced there; -1: not opened yet */
	const char *name;         /* argv[0] */
	char *const *environment; /* NULL at the end */
	const struct account *account; /* NULL: the user of cekd */
	int lock;                      /* a descriptor that the child keeps without knowing */
	int orphan;                    /* the signal that it gets when cekd dies */
	bool sibling;                  /* it becomes a child of this process's parent */
	unsigned files;                /* RLIMIT_NOFILE that it needs; 0: as it is */
};

enum {
	SPAWN_CONTROL = 3, /* the child's descriptor of the control socket */
	SPAWN_LOCK = 4,
};

/* control becomes the child's descriptor 3 and stays open here. Failures inside the child are logged by it, and it
 * exits with 127. 0 or -errno. */
int spawn(const struct spawn *what, int control, pid_t *ret_pid);

/* Two of its steps, for a process that only tries what a child would find. Limits: what it cannot have it does without,
 * with a warning in the log: then fewer connections are possible. 0, or -1 with errno set. */
int spawn_raise_files(const struct spawn *what);
int spawn_become(const struct account *account);
