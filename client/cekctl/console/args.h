/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line of one verb: a table of long options over getopt_long(3). --help, --json, --socket and --timeout are
 * understood by every verb. There are no options of one letter: what begins with a single "-" is a word. One that
 * begins with "--" is a word if it has the form of a kid that cekd makes; others that begin so stand after "--".
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/cekctl/console/ctl.h"

enum arg_kind {
	ARG_FLAG,     /* bool * */
	ARG_STRING,   /* const char ** */
	ARG_NUMBER,   /* uint32_t * */
	ARG_DURATION, /* uint32_t *, seconds */
	ARG_LIST,     /* struct arg_list * */
};

struct arg {
	const char *name; /* NULL ends the table */
	enum arg_kind kind;
	void *target;
	const char *value; /* what stands for the value in the help; NULL for flags */
	const char *help;
};

enum { ARG_LIST_MAX = 64 };

struct arg_list {
	const char *item[ARG_LIST_MAX + 1]; /* ends with NULL */
	size_t count;
};

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

/* Options before the verb, which is one of verbs (a nameless one ends them). *ret_index is where it stands in argv. */
int args_parse_global(struct ctl *ctl, const struct verb *verbs, int argc, char **argv, int *ret_index);
