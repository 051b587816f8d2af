/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was probably meant by a word of the command line that names nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/cekctl/console/ctl.h"
#include "client/cekctl/rpc/reach.h"

/* For loops over the values that there are of a kind, ALG, ENC, CRV or OP: number i, NULL past the end. */
const char *near_value(const char *kind, size_t i);

/* Whether word is none of these, nor one that is refused with a reason; then the hint says which is near, or all. */
bool near_no_value(const char *kind, const char *word, char hint[REACH_TEXT]);

/* After a failure with this status: the hint, if a word of the command line explains it. Key names are those that cekd
 * lists to this user, who is asked nothing that would be denied. */
void near_hint(const struct ctl *ctl, int status, char hint[REACH_TEXT]);
