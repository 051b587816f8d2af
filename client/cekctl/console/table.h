/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns as wide as what stands in them. A row has as many cells as the head; texts are copied.
 */
#pragma once

enum { TABLE_COLUMNS = 10 };

struct table;
struct table *table_new(const char *const *head); /* ends with NULL; at most TABLE_COLUMNS */
void table_row(struct table *table, const char *const *cells);
void table_print(const struct table *table, const char *indent);
struct table *table_free(struct table *table);
