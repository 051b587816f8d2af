/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one worker process holds, and how it comes to its end.
 */
#pragma once

#include <stdbool.h>

#include "daemon/token/facts/token.h"
#include "daemon/token/p11/keys.h"

struct canary;

struct worker {
	struct token token;
	struct keys keys;
	struct canary *canary;
	bool ending;      /* the token is gone: answer this job, then exit */
	bool pin_refused; /* and no worker may log in again by itself */
	char why[400];    /* of ending */
};

/* The token said rv, and nothing helps: this worker ends. */
void worker_end(struct worker *worker, CK_RV rv);

/* Because the token said rv: log in again, or begin anew; what is known of keys goes, session copies as well. False if
 * it comes to nothing and the worker is ending. */
bool worker_renew(struct worker *worker, bool login_only, CK_RV rv);
