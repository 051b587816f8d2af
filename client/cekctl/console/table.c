/* SPDX-License-Identifier: Apache-2.0 */
/* table.h: rows are kept until all are known, so that the columns fit. */
#include "client/cekctl/console/table.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "client/cekctl/console/cell.h"
#include "client/cekctl/console/colour.h"
#include "client/cekctl/console/width.h"

enum { GAP = 2 };

struct row {
	struct link link;
	char *cell[TABLE_COLUMNS];
};

struct table {
	size_t columns;
	size_t width[TABLE_COLUMNS];
	size_t least[TABLE_COLUMNS]; /* narrower than that helps nobody */
	bool coloured[TABLE_COLUMNS];
	size_t optional[TABLE_COLUMNS]; /* columns, in the order in which they are left out */
	size_t n_optional;
	struct link rows;
	bool cut; /* memory ran out: rows or cells are missing */
};

struct table *table_new(const char *const *head)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	list_init(&table->rows);
	while (head[table->columns] && table->columns < TABLE_COLUMNS)
		table->columns++;
	table_row(table, head);
	return table;
}

void table_row(struct table *table, const char *const *cells)
{
	struct row *row = table ? calloc(1, sizeof(*row)) : NULL;

	if (table && !row)
		table->cut = true;
	if (!row)
		return;
	for (size_t i = 0; i < table->columns; i++) {
		size_t width = width_text(cells[i]), least = cell_least(cells[i]);

		row->cell[i] = strdup(cells[i]);
		table->cut = table->cut || !row->cell[i];
		if (width > table->width[i])
			table->width[i] = width;
		if (least > table->least[i])
			table->least[i] = least;
	}
	list_append(&table->rows, &row->link);
}

void table_colour(struct table *table, size_t column)
{
	if (table)
		table->coloured[column] = true;
}

void table_optional(struct table *table, size_t column)
{
	if (table)
		table->optional[table->n_optional++] = column;
}

/* The columns of the terminal that these take, of those that are not left out. */
static size_t sum(const struct table *table, const size_t *widths, const bool *out)
{
	size_t total = 0;

	for (size_t i = 0; i < table->columns; i++)
		if (!out[i])
			total += widths[i] + (total > 0 ? GAP : 0);
	return total;
}

/* Leave out what is optional as long as the rest is too wide even at its least; then take from the widest that can
 * spare some, until all fit or none can. */
static void fit(const struct table *table, size_t room, size_t width[TABLE_COLUMNS], bool out[TABLE_COLUMNS])
{
	size_t total;

	memcpy(width, table->width, sizeof(table->width));
	for (size_t i = 0; room > 0 && i < table->n_optional && sum(table, table->least, out) > room; i++)
		out[table->optional[i]] = true;
	total = sum(table, width, out);
	while (room > 0 && total > room) {
		size_t widest = table->columns;

		for (size_t i = 0; i < table->columns; i++)
			if (!out[i] && width[i] > table->least[i] &&
				(widest == table->columns || width[i] > width[widest]))
				widest = i;
		if (widest == table->columns)
			return;
		width[widest]--;
		total--;
	}
}

/* Whether a cell to the right has something to print yet, so that this one needs its blanks. */
static bool more_behind(const char *const *left, size_t i, size_t columns)
{
	while (++i < columns)
		if (left[i])
			return true;
	return false;
}

static enum colour colour_of(const struct table *table, bool head, size_t i, const char *cell)
{
	if (head)
		return COLOUR_BOLD;
	return table->coloured[i] ? colour_of_word(cell) : COLOUR_PLAIN;
}

/* One line of a row: left[i] is what is still to be printed of cell i. Returns whether something is left. */
static bool print_line(const struct table *table, bool head, const size_t width[TABLE_COLUMNS],
	const bool out[TABLE_COLUMNS], const char *left[TABLE_COLUMNS])
{
	bool more = false;

	for (size_t i = 0; i < table->columns; i++) {
		bool behind = more_behind(left, i, table->columns);
		size_t used = 0;

		if (out[i])
			continue;
		if (left[i]) {
			enum colour colour = colour_of(table, head, i, left[i]);

			colour_begin(colour);
			left[i] = cell_print(left[i], width[i], &used);
			colour_end(colour);
		}
		more = more || left[i];
		if (!behind)
			break;
		printf("%*s", (int)((width[i] > used ? width[i] - used : 0) + GAP), "");
	}
	putchar('\n');
	return more;
}

static void print_left_out(const struct table *table, const bool *out)
{
	const struct row *head = list_entry(table->rows.next, struct row, link);
	const char *between = "No room for: ";

	for (size_t i = 0; i < table->columns; i++) {
		if (!out[i])
			continue;
		printf("%s%s", between, head->cell[i] ? head->cell[i] : "");
		between = ", ";
	}
	if (between[0] == ',')
		printf("; a wider terminal, a pipe and --json have it\n");
}

void table_print(const struct table *table, const char *indent)
{
	size_t width[TABLE_COLUMNS], room = width_output(), margin = strlen(indent);
	bool out[TABLE_COLUMNS] = {false}, head = true;

	if (!table) {
		printf("%s(memory ran out: there is no table)\n", indent);
		return;
	}
	fit(table, room > margin ? room - margin : room, width, out);
	for (struct link *link = table->rows.next; link != &table->rows; link = link->next, head = false) {
		const struct row *row = list_entry(link, struct row, link);
		const char *left[TABLE_COLUMNS];

		for (size_t i = 0; i < table->columns; i++)
			left[i] = out[i] ? NULL : row->cell[i] ? row->cell[i] : "";
		do
			fputs(indent, stdout);
		while (print_line(table, head, width, out, left));
	}
	print_left_out(table, out);
	if (table->cut)
		printf("%s(memory ran out: the table is not whole)\n", indent);
}

struct table *table_free(struct table *table)
{
	struct link *link;

	while (table && (link = list_take(&table->rows))) {
		struct row *row = list_entry(link, struct row, link);

		for (size_t i = 0; i < TABLE_COLUMNS; i++)
			free(row->cell[i]);
		free(row);
	}
	free(table);
	return NULL;
}
