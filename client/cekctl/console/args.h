/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line of one verb: a table of long options over getopt_long(3), beside those that every verb understands
 * (globals.h). There are no options of one letter: what begins with a single "-" is a word. One that
 * begins with "--" is a word if it has the form of a kid that cekd makes; others that begin so stand after "--".
 */
#pragma once

#include <stdio.h>

#include "client/cekctl/console/arg.h"
#include "client/cekctl/console/ctl.h"

enum {
	ARGS_GO = 0,
	ARGS_HELP = 1, /* help was asked for and printed: leave with EXIT_SUCCESS */
		       /* -EINVAL: wrong usage, reported: leave with EXIT_USAGE */
};

/* Parse argv by table args (NULL = no options of its own). *ret_words points at the operands, of which there are at
 * least min_words and at most max_words; they end with NULL. Targets keep their values when their option is absent. */
int args_parse(struct ctl *ctl, int argc, char **argv, const struct arg *args, int min_words, int max_words,
	char ***ret_words);

/* The exit status that goes with a result of args_parse() other than ARGS_GO. */
int args_exit(int result);

/* Options before the verb. *ret_index is where it stands in argv. */
int args_parse_global(struct ctl *ctl, int argc, char **argv, int *ret_index);

/* What cekctl --help prints: all of ctl->verbs, and the options that every verb understands. */
void args_help(struct ctl *ctl, FILE *to);
