/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What children send: that they are ready or failing, and what the broker asks for.
 */
#pragma once

#include <stdbool.h>

#include "daemon/parent/children.h"
#include "daemon/parent/family.h"
#include "daemon/parent/host/logins.h"

struct news {
	struct family *family;
	struct logins *logins;
	const char *pin_file;
	const struct child *refused; /* the worker whose PIN was wrong, while logins are stopped */
	bool told;                   /* READY=1 was sent: it serves, or is there and waits for what may never come */
	bool announced;              /* it has served */
	bool reloading;              /* RELOADING=1 was sent, and the broker has yet to say that it is done */
	char status[200];            /* what the broker said of itself last */
};

/* What SIGHUP asked for is done, as far as it can be. */
void news_reloaded(struct news *news);

/* Read what a child has sent: some at a time, or its last words when it is gone. */
void news_read(struct news *news, struct child *child);

/* The same while it runs, for child_listen(); then the family has changed. */
void news_heard(void *news, struct child *child);

/* Whoever waits for a login may have its turn: one asked, was done, or is gone. */
void news_pins(const struct news *news);
