/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why cekd cannot be reached through a socket, in words that say what to do about it.
 */
#pragma once

#include <stdbool.h>

#include "client/cekctl/console/ctl.h"

enum { REACH_TEXT = 512 };

struct reach {
	const char *status; /* a row of exits.h */
	char message[REACH_TEXT];
	char hint[REACH_TEXT]; /* "" = the row's */
};

/* The socket that libcek chooses; *ret_default: neither --socket nor $CEK_SOCKET names it. */
const char *reach_path(const struct ctl *ctl, bool *ret_default);

/* connect(2) to path has failed with this errno. */
void reach_explain(const char *path, int error, struct reach *ret_reach);

/* Try it: 0, or the errno of connect(2). */
int reach_try(const char *path);
