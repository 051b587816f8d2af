/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A progress bar on standard error, if that is a terminal, for verbs that read standard input to its end.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
	uint64_t lines, failed, unchanged;
	uint64_t bytes; /* read so far */
	uint64_t total; /* 0 = unknown: standard input is not a file */
	uint64_t shown; /* lines, when the bar was drawn last */
	uint64_t next;  /* monotonic microseconds: it is drawn then even if little has happened */
	bool visible;   /* a terminal */
};

void progress_start(struct progress *progress);

/* Draw it if enough happened since the last time, or that is a second ago. */
void progress_show(struct progress *progress);

/* Draw it for the last time and end its line. */
void progress_end(struct progress *progress);
