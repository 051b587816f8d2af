/*
 * The state directory: who may share it, and the journal's files, which cekd opens and the journal process writes.
 */
#pragma once

#include "daemon/config.h"

struct state {
	int directory; /* locked: one cekd a directory */
	int lock;      /* a second lock, which all children inherit: held until the last of them is gone */
};

/* Make the directory if it is missing, check that nobody else can write it, take both locks. What is left of a cekd that
 * was killed gets some seconds to go away. Failures are logged. 0 or -errno. */
int state_open(const struct config *config, struct state *ret_state);

/* Open (make) one of the journal's files and give it to the journal's user, mode 0640. Logs failures. 0 or -errno. */
int state_open_file(const struct config *config, const struct state *state, const char *name, int *ret_fd);

void state_close(struct state *state);
