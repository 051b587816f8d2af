/*
 * What one worker process holds, handed to every function that runs a part of a job.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wipe.h"
#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/objects.h"
#include "daemon/token/p11/session.h"
#include "daemon/token/probe/probe.h"

struct canary;

struct worker {
	struct session session;
	struct keys keys;
	struct probe probe;
	struct arena arena;     /* locked: everything of the present job, wiped after it */
	struct canary *canary;
	bool mechanisms_learned;    /* no_allowed_mechanisms is known */
	bool no_allowed_mechanisms; /* the token does not take CKA_ALLOWED_MECHANISMS */
	bool ending;            /* the token is gone: answer this job, then exit */
	bool pin_refused;       /* and no worker may log in again by itself */
	char why[400];          /* of ending */
};
