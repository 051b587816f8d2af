/* SPDX-License-Identifier: Apache-2.0 */
/* output.h: lines that are laid out, but no table. */
#include <stdio.h>
#include <string.h>

#include "client/cekctl/console/colour.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/console/width.h"

enum {
	FIELD_WIDTH = 18,
	ROOM_LEAST = 24, /* a narrower column is left to the terminal */
};

/* One word that is longer (a kid, to be copied) stays whole. */
static void print_words(const char *text, size_t margin, size_t room)
{
	size_t used = 0;

	while (*text) {
		size_t len = strcspn(text, " "), width = width_span(text, len);

		if (used > 0 && used + 1 + width > room) {
			printf("\n%*s", (int)margin, "");
			used = 0;
		} else if (used > 0) {
			putchar(' ');
			used++;
		}
		output_span(text, len);
		used += width;
		text += len + strspn(text + len, " ");
	}
}

void output_wrapped(const char *text, size_t margin)
{
	const size_t terminal = width_output();

	if (terminal > margin + ROOM_LEAST)
		print_words(text, margin, terminal - margin);
	else
		output_text(text);
}

void output_field(const char *label, const char *text)
{
	size_t label_width = width_text(label) + 1;
	size_t margin = label_width < FIELD_WIDTH ? FIELD_WIDTH : label_width + 1;
	enum colour colour = strcmp(label, "WARNING") == 0 ? COLOUR_BAD : COLOUR_PLAIN;

	if (*text == '\0')
		return;
	colour_begin(colour);
	printf("%s:", label);
	colour_end(colour);
	printf("%*s", (int)(margin - label_width), "");
	output_wrapped(text, margin);
	putchar('\n');
}

void output_document(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		output_span(text, len);
		text += len;
		if (*text) {
			putchar('\n');
			text++;
		}
	}
}
