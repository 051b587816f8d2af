/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a worker may log in. One at a time: a login rewrites SoftHSM's token.object. And none at all after a wrong
 * PIN: several workers that try it again would lock a real token. An operator ends that by SIGHUP or by writing the
 * PIN file.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

struct logins {
	bool stopped;
	struct stat pin;  /* of the PIN file that was tried last */
	struct stat seen; /* as it was found at the last look */
};

/* Warn if others than its owner can read it, if its owner is neither root nor who starts cekd, or if it is not there
 * yet. An outcome of paths.h, with PATHS_SEEN what is known of it; or -errno if it is no plain file in a folder that
 * nobody else can write, which is logged. */
int logins_check_pin(const char *path, struct stat *ret_st);

/* Open the PIN file for a worker and remember which one it was. 0 or -errno, which is logged. */
int logins_open_pin(struct logins *logins, const char *path, int *ret_fd);

/* The PIN was wrong. */
void logins_stop(struct logins *logins);

/* The same, in another cekd that read the file at path a moment ago (heir.h). */
void logins_stop_for(struct logins *logins, const char *path);

/* Is the file at path another one than that which was tried, or written since? Only while stopped; and only when it did
 * not change since the last look, for it may still be being written. */
bool logins_pin_changed(struct logins *logins, const char *path);

/* An operator has acted. */
void logins_resume(struct logins *logins);
