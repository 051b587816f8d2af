/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS#11 calls cannot be cancelled, and modules have blocked for minutes: a process whose call takes longer than its
 * limit ends itself with HANG_EXIT. Entering and leaving cost no system call; a timer runs only while there is work. A
 * process that was stopped cannot do so: then who waits for it ends it, by what the page of executing.h says.
 */
#pragma once

struct executing;

enum {
	HANG_EXIT = 75,
	HANG_PROBE_TIMES = 4, /* for hang_enter(), around a try of what the token can do */
};

/* Once. limit_seconds is what one job may take; page, which stays, tells others what the present one may. 0 or -errno.
 */
int hang_init(unsigned limit_seconds, struct executing *page);

/* A job begins, which may take times × limit_seconds. */
void hang_enter(unsigned times);

void hang_leave(void);
