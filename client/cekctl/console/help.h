/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --help prints.
 */
#pragma once

#include <stdio.h>

#include "client/cekctl/console/arg.h"
#include "client/cekctl/console/ctl.h"

/* All verbs; or those whose first word is group, if that is not NULL. */
void help_verbs(FILE *to, const struct verb *verbs, const char *group);

/* One line an option, nameless ones end the table. */
void help_options(FILE *to, const struct arg *args);

/* Usage, purpose, options and an example of ctl's verb. */
void help_verb(const struct ctl *ctl, const struct arg *args, const struct arg *globals);
