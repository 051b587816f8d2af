/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much room text takes on a terminal, and how much there is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The character at text, which must not be the NUL: its bytes, never 0, and its columns in *ret_columns (0 for one that
 * combines with the one before it, 2 for a wide one, those of its escape for one that escape.h writes as such). */
size_t width_step(const char *text, size_t *ret_columns);

/* Columns of text as output_text() shows it. */
size_t width_text(const char *text);

/* The same of its first len bytes, which end where a character does. */
size_t width_span(const char *text, size_t len);

/* Columns of the terminal that fd is: $COLUMNS, then what the terminal says, then 80. 0: it is none, and no line is too
 * long. */
size_t width_terminal(int fd);

/* The same for standard output; --color and the like do not change it. */
size_t width_output(void);

/* Whether fd is a terminal on which a line may be written anew. */
bool width_can_redraw(int fd);
