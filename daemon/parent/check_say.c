/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/check_say.h"

#include <stdio.h>

enum {
	FOUND_WIDTH = 8,
	WHAT_WIDTH = 18,
};

static const char *shown(int found)
{
	switch (found) {
	case CHECK_OK:
		return "ok";
	case CHECK_NOTE:
		return "note";
	case CHECK_WARNING:
		return "warning";
	case CHECK_SKIPPED:
		return "skipped";
	default:
		return "FAILED";
	}
}

/* Texts come from tokens and files, too: none of them begins a line of its own. */
static void put(const char *text)
{
	for (; *text != '\0'; text++)
		(void)putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

void check_say(int found, const char *what, const char *text)
{
	if (found == CHECK_SAID)
		return;
	if (found < 0)
		text = "cekd would not serve; standard error says why";
	(void)printf("%-*s %-*s ", FOUND_WIDTH, shown(found), WHAT_WIDTH, what);
	put(text);
	(void)putchar('\n');
	(void)fflush(stdout); /* the log is another stream, and children write to it */
}
