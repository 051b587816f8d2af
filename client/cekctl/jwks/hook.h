/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that is run after a file has changed: no shell, the file's name as its only argument, and a time limit.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	HOOK_SECONDS = 30,
	HOOK_FAULT = 256,
};

struct hook {
	const char *program; /* a path; NULL: none */
	const char *file;
	pid_t pid;       /* 0: it does not run */
	int fd;          /* pidfd of it: readable when it has ended; -1 */
	uint64_t killed; /* monotonic microseconds: when its time is over */
	bool again;      /* the file has changed since it was started */
};

/* The file has changed: run it now, or once more when it has ended. False with a fault if it cannot be started. */
bool hook_changed(struct hook *hook, uint64_t now, char fault[HOOK_FAULT]);

/* It has ended, or its time is over (then it is killed, with its process group): wait for it. False with a fault if it
 * failed. Without either it does nothing. */
bool hook_look(struct hook *hook, uint64_t now, char fault[HOOK_FAULT]);

/* End it, if it runs: nobody will look any more. */
void hook_stop(struct hook *hook);
