/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/colour.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool coloured;

/* The eight colours that every terminal has, so that they fit the ones its owner chose. */
static const char *const sequences[] = {
	[COLOUR_PLAIN] = "",
	[COLOUR_BOLD] = "\033[1m",
	[COLOUR_DIM] = "\033[2m",
	[COLOUR_GOOD] = "\033[32m",
	[COLOUR_CAREFUL] = "\033[33m",
	[COLOUR_BAD] = "\033[31m",
};

static bool wanted(void)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

	if (no_color && *no_color)
		return false;
	return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

int colour_setup(const char *when)
{
	if (strcmp(when, "auto") == 0)
		coloured = wanted();
	else if (strcmp(when, "always") == 0)
		coloured = true;
	else if (strcmp(when, "never") == 0)
		coloured = false;
	else
		return -EINVAL;
	return 0;
}

void colour_begin(enum colour colour)
{
	if (coloured)
		fputs(sequences[colour], stdout);
}

void colour_end(enum colour colour)
{
	if (coloured && colour != COLOUR_PLAIN)
		fputs("\033[0m", stdout);
}

enum colour colour_of_word(const char *word)
{
	static const struct {
		const char *word;
		enum colour colour;
	} words[] = {
		{"active", COLOUR_GOOD},
		{"ready", COLOUR_GOOD},
		{"yes", COLOUR_GOOD},
		{"pre-active", COLOUR_PLAIN},
		{"deactivated", COLOUR_DIM},
		{"destroyed", COLOUR_DIM},
		{"suspended", COLOUR_CAREFUL},
		{"waiting", COLOUR_CAREFUL},
		{"starting", COLOUR_CAREFUL},
		{"untried", COLOUR_CAREFUL},
		{"compromised", COLOUR_BAD},
		{"down", COLOUR_BAD},
	};

	if (strstr(word, "(missing)") || strstr(word, "MISSING"))
		return COLOUR_BAD;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strncmp(word, words[i].word, strlen(words[i].word)) == 0)
			return words[i].colour;
	return COLOUR_PLAIN;
}
