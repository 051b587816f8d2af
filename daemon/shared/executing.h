/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker does, in a page that the worker writes; broker and cekd read it. Results travel several at a time; when
 * a worker is gone, this page tells which of the jobs that it has not answered may be what killed it. While it is
 * there, the page tells how long its silence may last: a worker blocks in the token, and answers no heartbeat. A reader
 * bounds what it believes of that.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* Job.id of the job that was begun last; 0 = none yet. */
struct executing {
	_Atomic uint64_t job;
	/* What the call of the token may take in which the worker is; 0: it is in none. */
	_Atomic uint64_t allowed_us;
	/* Inside a login, in which it must not be killed: a token in files may be rewriting itself. 0 = no. */
	_Atomic uint32_t login;
};

/* What page says of a call's time, but no more than most_us. */
static inline uint64_t executing_allowed_us(const struct executing *page, uint64_t most_us)
{
	const uint64_t allowed_us = page->allowed_us;

	return allowed_us < most_us ? allowed_us : most_us;
}

/* An empty page, sealed in its size, close-on-exec: its descriptor, or -errno. */
int executing_create(void);

/* Map it for the worker, or read-only for the others; fd stays open. NULL with errno set. */
struct executing *executing_map(int fd);
const struct executing *executing_map_read_only(int fd);

/* page may be NULL. */
void executing_unmap(const struct executing *page);
