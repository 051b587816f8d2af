/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the records of the key journal tell of the clock. Each says when it was written by the real time and by
 * CLOCK_BOOTTIME, which nobody sets; an "open" record says in which boot. So a step of the real time is seen while the
 * machine is up, also over a restart of cekd, and a waiting period is over when it is by both. Broker and journal judge
 * by this; all times are microseconds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { CLOCKS_BOOT_MAX = 64 }; /* bytes of a boot's name, NUL included */

#define CLOCKS_BACK_US (UINT64_C(60) * 1000000)       /* further back: the clock was set */
#define CLOCKS_AHEAD_US (UINT64_C(15 * 60) * 1000000) /* further ahead while the machine is up: likewise */
#define CLOCKS_AWAY_US (UINT64_C(86400) * 1000000)    /* over a boot: nobody has seen so much time pass */
#define CLOCKS_OLD_US                                                                                  \
	(UINT64_C(365 * 86400) * 1000000) /* between records of releases that wrote the real time only \
					   */

struct clocks {
	char boot[CLOCKS_BOOT_MAX]; /* in which the records are written; "": not known */
	uint32_t boots;             /* how many there were */
	uint64_t last;              /* the real time of the last record */
	int64_t base; /* real time less CLOCK_BOOTTIME, as it was when the boot began to be told, or confirmed */
	bool based;
	bool jumped;   /* the clock was set, and no operator has confirmed it since: no step by time is taken */
	uint32_t away; /* which boot it was before which nobody saw the time pass; 0: none, or an operator has confirmed
			  it */
};

/* An "open" record, before clocks_record(): the records from it on are of this boot ("": it does not say). */
void clocks_open(struct clocks *clocks, const char *boot);

/* A record of this real time and CLOCK_BOOTTIME (0: it tells none). confirms: it is an operator's word for the clock.
 */
void clocks_record(struct clocks *clocks, uint64_t time, uint64_t up, bool confirms);

/* These are the clocks now, in the boot of the last record. Microseconds by which the real time was stepped (0: not by
 * more than is believed); jumped is set then. */
int64_t clocks_look(struct clocks *clocks, uint64_t real, uint64_t up);

/* A waiting period. */
struct wait {
	uint64_t until; /* real time */
	uint64_t up;    /* CLOCK_BOOTTIME, in that boot; 0: not known */
	uint32_t boot;
};

/* It begins, or gets another end, with a record of these times, which the clocks know. */
struct wait wait_begin(const struct clocks *clocks, uint64_t until, uint64_t time, uint64_t up);

/* It began before a time that nobody saw pass: perhaps the clock was only set. */
bool wait_doubtful(const struct wait *wait, const struct clocks *clocks);

/* By CLOCK_BOOTTIME; a period that began in an earlier boot is over by that. */
bool wait_over_up(const struct wait *wait, const struct clocks *clocks, uint64_t up);
