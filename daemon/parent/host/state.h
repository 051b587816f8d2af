/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state directory: who may share it, and the journal's files, which cekd opens and the journal process writes.
 */
#pragma once

#include <stdbool.h>

#include "daemon/parent/host/accounts.h"

enum {
	STATE_FDS = 5, /* that hand it on */
};

struct state {
	const char *path;
	int directory;   /* locked: one cekd a directory */
	int lock;        /* a second lock, which all children inherit: held until the last of them is gone */
	int place;       /* the directory once more, O_PATH and without the lock: for the journal */
	int keys, audit; /* the journal's files; -1: not opened yet */
};

/* Make the directory if it is missing (split_uids: so that other users can pass it), check that nobody else can write
 * or replace it, take both locks. What is left of a cekd that was killed gets some seconds to go away. Failures are
 * logged. path must outlive ret_state. 0 or -errno. */
int state_open(const char *path, bool split_uids, struct state *ret_state);

/* The same, of another cekd that serves and hands its locks on: fds are directory, lock, place, keys and audit, in this
 * order; all of them belong to ret_state. The journals' files are opened anew, since the other one's processes move the
 * offsets of theirs. Logs failures. 0 or -errno. */
int state_take(const char *path, const int fds[STATE_FDS], struct state *ret_state);

/* Whether the directory, or the one that it would be made in, is one that nobody else can change (paths.h). Logs what
 * is wrong. An outcome of paths.h, of which PATHS_HIDDEN is a warning, or -errno. */
int state_check(const char *path);

/* Open (make) the journal's files, keys.jsonl and audit.jsonl, mode 0640, and give them to owner; NULL: the user of
 * cekd. What is open already stays: a journal that is started again must get the file that the one before it wrote,
 * not a new and empty one in place of a file that was removed meanwhile. Logs failures. 0 or -errno. */
int state_open_journals(struct state *state, const struct account *owner);

void state_close(struct state *state);
