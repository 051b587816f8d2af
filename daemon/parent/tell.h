/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What broker and journal are told over their control sockets, most of it of the others.
 */
#pragma once

#include <stdbool.h>

#include "daemon/parent/children.h"
#include "daemon/parent/config/config.h"

enum {
	TELL_WORKER_FDS = 2, /* the broker's end of the worker's pair, and the page that says which job it executes */
};

/* A worker has been started. A broker that cannot be told is of no use: it is killed. */
void tell_worker_up(struct child *broker, const struct child *worker, const int fds[TELL_WORKER_FDS]);

/* One is gone, for the reason in its why; absent: it was never ready; hopeless: none will come before somebody has
 * acted. Nothing if there is no broker. */
void tell_worker_gone(struct child *broker, const struct child *worker, bool absent, bool hopeless);

/* How often which pair broke the rules between them; the next broker gets that with its setup. */
void tell_broken(struct child *broker, const uint64_t count[SEQUENCE_PAIRS]);

/* An operator has sent SIGHUP: what the broker confirms by that the journal believes. */
void tell_confirmed(struct child *journal);

/* Rules and limits of config are to be in force; if there is no broker, the next one gets them with its setup. 0 or
 * -errno. */
int tell_reload(struct child *broker, struct config *config);
