/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child of cekd whose parent is gone: it must not hold the state directory's lock, nor a session of the token,
 * against the next cekd. The kernel tells it (PR_SET_PDEATHSIG), which daemon/parent/spawn.c asks for.
 */
#pragma once

#include <signal.h>

enum {
	ORPHAN_TOLD = SIGUSR2, /* for one that ends by itself: it has so much time for that: */
	ORPHAN_SECONDS = 10,   /* the next cekd waits longer for the lock */
};

/* For one that gets ORPHAN_TOLD: end by SIGALRM ORPHAN_SECONDS after that. 0 or -errno. */
int orphan_bound(void);

/* For one that gets SIGKILL: not while it is in a login, which would ruin a token that it can write. */
void orphan_spare(void);

/* From now on again, and at once if the parent has died since. */
void orphan_resume(void);
