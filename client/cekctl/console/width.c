/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/width.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "proto/utf8.h"

enum {
	COLUMNS_DEFAULT = 80,
	COLUMNS_MIN = 20, /* less is no terminal that anybody reads */
	COLUMNS_MAX = 10000,
};

/* What hides, or turns the text around it, so that a kid looks like another one. */
static const struct {
	wchar_t first, last;
} invisible[] = {
	{0xad, 0xad},     /* soft hyphen */
	{0x61c, 0x61c},   /* Arabic letter mark */
	{0x180e, 0x180e}, /* Mongolian vowel separator */
	{0x200b, 0x200f}, /* zero width space to right-to-left mark */
	{0x2028, 0x202e}, /* separators, embeddings and overrides */
	{0x2060, 0x206f}, /* word joiner to nominal digit shapes */
	{0xfeff, 0xfeff}, /* byte order mark */
	{0xfff9, 0xfffb}, /* interlinear annotation */
	{0xe0000, 0xe007f},
};

static wchar_t decode(const char *text, size_t len)
{
	static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	wchar_t c = (unsigned char)text[0] & first_bits[len];

	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)text[i] & 0x3f);
	return c;
}

static bool is_invisible(wchar_t c)
{
	for (size_t i = 0; i < sizeof(invisible) / sizeof(invisible[0]); i++)
		if (c >= invisible[i].first && c <= invisible[i].last)
			return true;
	return false;
}

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

size_t width_step(const char *text, size_t *ret_columns, bool *ret_shown)
{
	size_t len = utf8_printable_len(text);
	wchar_t c = len ? decode(text, len) : 0;

	*ret_shown = len > 0 && !is_invisible(c);
	if (!*ret_shown)
		*ret_columns = len ? len : 1;
	else
		*ret_columns = len == 1 ? 1 : (size_t)columns_of(c);
	return len ? len : 1;
}

size_t width_span(const char *text, size_t len)
{
	size_t width = 0, columns;
	bool shown;

	for (size_t at = 0; at < len; width += columns)
		at += width_step(text + at, &columns, &shown);
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
