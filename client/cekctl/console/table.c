/* SPDX-License-Identifier: Apache-2.0 */
/* table.h: rows are kept until all are known, so that the columns fit. */
#include "client/cekctl/console/table.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "client/cekctl/console/output.h"

struct row {
	struct link link;
	char *cell[TABLE_COLUMNS];
};

struct table {
	size_t columns;
	size_t width[TABLE_COLUMNS];
	struct link rows;
	bool cut; /* memory ran out: rows or cells are missing */
};

/* Columns of a terminal that UTF-8 text takes, near enough: bytes that begin a character. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

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
		size_t width = text_width(cells[i]);

		row->cell[i] = strdup(cells[i]);
		table->cut = table->cut || !row->cell[i];
		if (width > table->width[i])
			table->width[i] = width;
	}
	list_append(&table->rows, &row->link);
}

void table_print(const struct table *table, const char *indent)
{
	if (!table)
		return;
	for (struct link *link = table->rows.next; link != &table->rows; link = link->next) {
		const struct row *row = list_entry(link, struct row, link);

		fputs(indent, stdout);
		for (size_t i = 0; i < table->columns; i++) {
			const char *cell = row->cell[i] ? row->cell[i] : "";

			output_text(cell);
			if (i + 1 < table->columns)
				printf("%*s", (int)(table->width[i] - text_width(cell)) + 2, "");
		}
		putchar('\n');
	}
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
