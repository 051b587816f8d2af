/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/cell.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "client/cekctl/console/output.h"
#include "client/cekctl/console/width.h"

enum {
	WORD_LEAST = 12, /* six columns of its beginning, a mark, five of its end */
	SENTENCE_LEAST = 24,
};

#define MARK "\xe2\x80\xa6" /* … */

size_t cell_least(const char *text)
{
	size_t width = width_text(text), least = strchr(text, ' ') ? SENTENCE_LEAST : WORD_LEAST;

	return width < least ? width : least;
}

/* The bytes at text that take at most width columns, characters that combine with the last one among them. */
static size_t bytes_within(const char *text, size_t width, size_t *ret_columns)
{
	size_t columns = 0, len = 0, one;

	while (text[len]) {
		size_t step = width_step(text + len, &one);

		if (columns + one > width)
			break;
		columns += one;
		len += step;
	}
	*ret_columns = columns;
	return len;
}

/* Three parts of the room for the beginning, by which one can name it, two for the end. */
static size_t print_cut(const char *text, size_t width)
{
	size_t total = width_text(text), columns, first, last;
	const char *end = text;

	first = bytes_within(text, (width - 1) * 3 / 5, &columns);
	output_span(text, first);
	fputs(MARK, stdout);
	last = width - 1 - columns;
	while (*end && total > last) {
		size_t one, step = width_step(end, &one);

		end += step;
		total -= one;
	}
	for (size_t one = 0; *end && one == 0;) { /* what combines with a character that is cut away goes with it */
		size_t step = width_step(end, &one);

		if (one == 0)
			end += step;
	}
	output_span(end, strlen(end));
	return columns + 1 + width_text(end);
}

const char *cell_print(const char *text, size_t width, size_t *ret_used)
{
	size_t fits = bytes_within(text, width, ret_used), cut = fits;

	if (text[fits] == '\0') {
		output_span(text, fits);
		return NULL;
	}
	while (cut > 0 && text[cut] != ' ')
		cut--;
	if (cut == 0) {
		size_t word = strcspn(text, " ");

		if (text[word] == '\0') {
			*ret_used = print_cut(text, width);
			return NULL;
		}
		cut = fits > 0 ? fits : word; /* a long word in a sentence goes on below */
	}
	output_span(text, cut);
	*ret_used = width_span(text, cut);
	return text + cut + strspn(text + cut, " ");
}
