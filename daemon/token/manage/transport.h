/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport key: an RSA session key of the manage worker, for which operators wrap what they import. It never
 * leaves the token and dies with the session.
 */
#pragma once

#include <stdbool.h>

#include "daemon/token/p11/public.h"
#include "daemon/token/probe/worker.h"

enum { TRANSPORT_BITS = 3072, TRANSPORT_ID_LEN = 22 + 1 };

/* The transport key, made if there is none or if it is older than some minutes. */
CK_RV transport_open(struct worker *worker, char ret_id[TRANSPORT_ID_LEN], struct public_half *ret_half);

/* An import has ended with it: whoever wraps another key for it may be told to ask for a new one. */
void transport_served(void);

/* Let it go if no import waits for it, so that the session can be opened anew. Whether that may be done. */
bool transport_let_go(struct worker *worker);

bool transport_is_open(void);

/* Its handle, if id names it. */
bool transport_find(const char *id, CK_OBJECT_HANDLE *ret_private);
