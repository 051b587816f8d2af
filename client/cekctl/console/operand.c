/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/operand.h"

#include <stdio.h>
#include <string.h>

/* "{bash | zsh}" as "bash|zsh", "{NAME | --kid KID}" as "NAME": up to the first option. */
static void read_choice(const char *from, char kind[OPERAND_KIND])
{
	size_t n = 0;

	for (; *from && *from != '}' && strncmp(from, "--", 2) != 0 && n + 1 < OPERAND_KIND; from++)
		if (*from != ' ')
			kind[n++] = *from;
	while (n > 0 && kind[n - 1] == '|')
		n--;
	kind[n] = '\0';
}

/* Operands stand before all options. */
void operand_kind(const struct verb *verb, size_t i, char ret_kind[OPERAND_KIND])
{
	const char *at = verb->arguments;

	ret_kind[0] = '\0';
	for (size_t n = 0; *at; n++) {
		size_t len, open = strspn(at, "[");

		if (strncmp(at + open, "--", 2) == 0)
			return;
		len = strspn(at + open, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
		if (at[open] == '{')
			read_choice(at + open + 1, ret_kind);
		else
			snprintf(ret_kind, OPERAND_KIND, "%.*s", (int)len, at + open);
		if (n == i || strncmp(at + open + len, "…", strlen("…")) == 0)
			return;
		ret_kind[0] = '\0';
		at += at[open] == '{' ? strcspn(at, "}") : strcspn(at, " ");
		at += strspn(at, "}] ");
	}
}
