/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/width.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "client/cekctl/console/escape.h"
#include "proto/utf8.h"

enum {
	COLUMNS_DEFAULT = 80,
	COLUMNS_MIN = 20, /* less is no terminal that anybody reads */
	COLUMNS_MAX = 10000,
};

/* wcwidth(3) knows wide and combining characters in a UTF-8 locale only, and the one of the caller need not be one. */
static int columns_of(wchar_t c)
{
	static locale_t utf8;
	locale_t before;
	int columns;

	if (!utf8)
		utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (!utf8)
		return 1;
	before = uselocale(utf8);
	columns = wcwidth(c);
	uselocale(before);
	return columns < 0 ? 1 : columns;
}

size_t width_step(const char *text, size_t *ret_columns)
{
	char escape[ESCAPE_SIZE];
	const size_t len = escape_step(text, escape);

	if (*escape)
		*ret_columns = strlen(escape);
	else
		*ret_columns = len == 1 ? 1 : (size_t)columns_of((wchar_t)utf8_code(text));
	return len;
}

size_t width_span(const char *text, size_t len)
{
	size_t width = 0, columns;

	for (size_t at = 0; at < len; width += columns)
		at += width_step(text + at, &columns);
	return width;
}

size_t width_text(const char *text)
{
	return width_span(text, strlen(text));
}

static size_t from_environment(void)
{
	const char *text = getenv("COLUMNS");
	char *end;
	unsigned long columns = text ? strtoul(text, &end, 10) : 0;

	return text && *text >= '0' && *text <= '9' && !*end && columns <= COLUMNS_MAX ? columns : 0;
}

size_t width_terminal(int fd)
{
	struct winsize size;
	size_t columns;

	if (!isatty(fd))
		return 0;
	columns = from_environment();
	if (!columns && ioctl(fd, TIOCGWINSZ, &size) == 0)
		columns = size.ws_col;
	if (!columns)
		columns = COLUMNS_DEFAULT;
	return columns < COLUMNS_MIN ? COLUMNS_MIN : columns;
}

size_t width_output(void)
{
	return width_terminal(STDOUT_FILENO);
}

bool width_can_redraw(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && (!term || (*term && strcmp(term, "dumb") != 0));
}
