/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words that begin with "-" and are no options; getopt_long(3) would take them for some. One of 64 kids that are made
 * of octets begins so. Every option begins with "--", so a word that begins with a single "-" is none; nor is one that
 * has the form of a kid that cekd makes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct dashed {
	char **word; /* those of the command line */
	size_t count;
};

bool dashed_is_word(const char *word);

/* Take the dashes off such words until dashed_show(); argv[0] stays. 0 or -ENOMEM. */
int dashed_hide(int argc, char **argv, struct dashed *ret_dashed);

/* The whole word again, be it an operand or an option's value; others as they are. NULL stays NULL. */
char *dashed_whole(const struct dashed *dashed, char *word);

/* The whole words again, everywhere in argv, and the end of *dashed. */
void dashed_show(int argc, char **argv, struct dashed *dashed);
