/* Tables of text: rows are kept until all are known, so that the columns fit. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cekctl/console/output.h"

struct row {
	char *cell[OUTPUT_COLUMNS];
	struct row *next;
};

struct table {
	size_t columns;
	size_t width[OUTPUT_COLUMNS];
	struct row *first, **last;
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
	table->last = &table->first;
	while (head[table->columns] && table->columns < OUTPUT_COLUMNS)
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
	*table->last = row;
	table->last = &row->next;
}

void table_print(const struct table *table, const char *indent)
{
	if (!table)
		return;
	for (const struct row *row = table->first; row; row = row->next) {
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
	struct row *row = table ? table->first : NULL;

	while (row) {
		struct row *next = row->next;

		for (size_t i = 0; i < OUTPUT_COLUMNS; i++)
			free(row->cell[i]);
		free(row);
		row = next;
	}
	free(table);
	return NULL;
}
