/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cekd-journal's end of the pair with the broker: one message a datagram.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/journal/serve/control.h"
#include "proto/internal.pb-c.h"

struct pair {
	int fd;                    /* non-blocking after pair_init() */
	struct sequence *sequence; /* what the broker may say; pair_init() makes it */
	struct control *control;   /* what cekd wants ends waiting for a broker that does not read */
	uint8_t *buffer;           /* DGRAM_MAX bytes: the datagram received last */
	bool closed;               /* the end of the stream was seen */
	bool ending;               /* nobody is waited for any more */
};

/* Set fd and control first, the rest zeroed. 0 or -errno. deinit is safe on a zeroed struct; it closes nothing. */
int pair_init(struct pair *pair);
void pair_deinit(struct pair *pair);

/* Wait for a broker that is slow. When cekd wants something meanwhile, or the broker is gone for good, the message is
 * dropped: whoever comes next asks for JournalState and Replay anyway. 0 or -errno. */
int pair_send(const struct pair *pair, const Cek__Internal__V1__FromJournal *message);

/* What came is message, NULL: none. False: it is to be dropped. A broker that broke the rules is cekd's to end; until
 * the next one asks, of this one nothing is taken but its audit records, for its replies may have left. */
bool pair_may_come(const struct pair *pair, const Cek__Internal__V1__ToJournal *message);

/* The length of one datagram; -EAGAIN: none waits, or the pair is closed; -EMSGSIZE: one was longer than any
 * message; other -errno. */
ssize_t pair_receive(struct pair *pair);
