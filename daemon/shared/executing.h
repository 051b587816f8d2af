/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which job a worker executes, in a page that the worker writes and the broker reads. Results travel several at a time;
 * when a worker is gone, this page tells which of the jobs that it has not answered may be what killed it.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* Job.id of the job that was begun last; 0 = none yet. */
struct executing {
	_Atomic uint64_t job;
};

/* An empty page, sealed in its size, close-on-exec: its descriptor, or -errno. */
int executing_create(void);

/* Map it for the worker, or read-only for the broker; fd stays open. NULL with errno set. */
struct executing *executing_map(int fd);
const struct executing *executing_map_read_only(int fd);

/* page may be NULL. */
void executing_unmap(const struct executing *page);
