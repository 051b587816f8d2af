/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cekd-journal's end of the pair with cekd: what cekd wants, and the answer to whether this process is there. It is
 * read wherever this process may be for long.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/sequence.h"

struct control {
	struct sequence sequence; /* what cekd may say */
	int fd;                   /* non-blocking after control_init(); -1: cekd is gone */
	bool end;                 /* it wants the end */
	uint64_t confirmed_us; /* when an operator has sent SIGHUP, monotonic; 0: not, or it has been taken note of */
	bool take_over;        /* nobody else writes the journals any more */
};

/* fd is the caller's. 0 or -errno. */
int control_init(struct control *control, int fd, bool stands_by);

/* The broker broke the rules between us, or the law: cekd is told, which ends it. */
void control_accuse_broker(const struct control *control, const char *how);

/* Read what is there, if anything. A cekd that does not read the answers gets no more of them. */
void control_read(struct control *control);

/* There is something more important than waiting for the broker. */
static inline bool control_calls(const struct control *control)
{
	return control->end || control->take_over || control->fd < 0;
}
