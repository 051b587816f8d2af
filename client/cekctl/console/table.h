/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns as wide as what stands in them. A row has as many cells as the head; texts are copied. On a terminal a row is
 * no wider than that, if it can be: words without blanks (kids) are cut in the middle, sentences go on in a line below,
 * and columns that are optional are left out. In a pipe or a file nothing is cut, nor left out.
 */
#pragma once

#include <stddef.h>

enum { TABLE_COLUMNS = 10 };

struct table;
struct table *table_new(const char *const *head); /* ends with NULL; at most TABLE_COLUMNS */
void table_row(struct table *table, const char *const *cells);
/* The cells of this column say how something is, and are coloured by colour_of_word(). */
void table_colour(struct table *table, size_t column);
/* This column may be left out, those before it that were called so first. */
void table_optional(struct table *table, size_t column);
void table_print(const struct table *table, const char *indent);
struct table *table_free(struct table *table);
