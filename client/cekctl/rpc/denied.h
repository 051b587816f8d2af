/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do about a DENIED.
 */
#pragma once

#include <stddef.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/ctl.h"
#include "client/cekctl/rpc/reach.h"

/* The operation that a rule has to grant for this request, as cekd.conf(5) calls it; NULL if everybody may. */
const char *denied_operation(const Cek__V1__Request *request);

/* For loops over the operations that there are: number n, NULL past the end. */
const char *denied_row(size_t n);

/* ctl->operation was denied: the socket where this user may do it, or the command by which an administrator sees which
 * rule is missing. */
void denied_hint(const struct ctl *ctl, char hint[REACH_TEXT]);
