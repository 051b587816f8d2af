/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of the table of verbs that the command line means.
 */
#pragma once

#include <stdbool.h>

#include "client/cekctl/console/ctl.h"

enum { FIND_NEAR = 96 };

/* The row whose words stand at argv; *ret_words is how many words its name has. NULL if there is none. */
const struct verb *find_verb(const struct verb *verbs, int argc, char **argv, int *ret_words);

/* Whether word is the first of verbs of two words, as "key" is; with its length. */
bool find_in_group(const struct verb *verb, const char *word);
bool find_group(const struct verb *verbs, const char *word);

/* What was probably meant by the words at argv, of which no row has the name: "key create", or "--version". NULL if
 * nothing is near. */
const char *find_near(const struct verb *verbs, int argc, char **argv);

/* Report that there is no such verb, and what may have been meant. Returns EXIT_USAGE. */
int find_nothing(const struct ctl *ctl, const struct verb *verbs, int argc, char **argv);
