/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one option of a verb is, for those that read, explain and complete options.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

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
	/* What stands for the value in the help, NULL for flags. Completion knows KID, NAME, ALG, ENC, CRV, OP, FILE,
	 * PATH, DIR and choices such as "a|b". TEXT and B64 alone may be empty. */
	const char *value;
	const char *help;
	bool fresh; /* the value names what is not there yet: nothing that exists completes it */
};

enum { ARG_LIST_MAX = 64 };

struct arg_list {
	const char *item[ARG_LIST_MAX + 1]; /* ends with NULL */
	size_t count;
};
