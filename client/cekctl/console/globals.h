/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that every verb understands, before and after its words.
 */
#pragma once

#include <stdbool.h>

#include "client/cekctl/console/arg.h"
#include "client/cekctl/console/ctl.h"

enum { GLOBALS = 8 };

/* Their table, which fills ctl and *help, and ends with a nameless one. */
void globals_table(struct ctl *ctl, bool *help, struct arg ret_table[GLOBALS]);

/* A verb may have an option of its own in the place of one of these. */
void globals_without(struct arg table[GLOBALS], const struct arg *own);

/* Check and put into force what was read. 0, or -EINVAL after a report. */
int globals_apply(struct ctl *ctl);
