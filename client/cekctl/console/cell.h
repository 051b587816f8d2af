/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cell of a table in a given number of columns.
 */
#pragma once

#include <stddef.h>

/* The columns below which a cell of this text is not made narrower: enough of a kid to name its version by. */
size_t cell_least(const char *text);

/* Print what fits into width columns on one line: all of text; of a sentence as many words as fit; of a word without
 * blanks its beginning and its end. Returns what is left for the next line, NULL if nothing is. *ret_used are the
 * columns that were taken. */
const char *cell_print(const char *text, size_t width, size_t *ret_used);
