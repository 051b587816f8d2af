/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/config/scan.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "daemon/parent/config/config.h"
#include "proto/utf8.h"

enum {
	CONTEXT_MAX = 160, /* bytes of where in the file an error is */
};

/* 'rule "all": keys', as far as something is open. Empty between two options outside of all sections. */
static const char *context(const struct scan *scan, char text[CONTEXT_MAX])
{
	const char *gap = scan->in_section && scan->expected != SCAN_OPTION ? ": " : "";
	int n = 0;

	text[0] = '\0';
	if (scan->in_section)
		n = snprintf(text, CONTEXT_MAX, "%.*s%s%.*s", scan->section.len, scan->section.text,
			scan->title.len > 0 ? " " : "", scan->title.len,
			scan->title.text != NULL ? scan->title.text : "");
	if (scan->expected != SCAN_OPTION && n >= 0 && n < CONTEXT_MAX)
		(void)snprintf(text + n, (size_t)(CONTEXT_MAX - n), "%s%.*s", gap, scan->option.len, scan->option.text);
	return text;
}

int scan_fail(struct scan *scan, const char *format, ...)
{
	char where[CONTEXT_MAX];
	va_list args;
	int n;

	(void)context(scan, where);
	n = snprintf(scan->error, CONFIG_ERROR_MAX, "%s:%u: %s%s", scan->name, scan->line, where,
		where[0] != '\0' ? ": " : "");
	va_start(args, format);
	if (n > 0 && n < CONFIG_ERROR_MAX)
		(void)vsnprintf(scan->error + n, (size_t)(CONFIG_ERROR_MAX - n), format, args);
	va_end(args);
	return -EINVAL;
}

static unsigned code_point(const char *text, size_t len)
{
	unsigned code = (unsigned char)text[0] & (0xffu >> (len + 1));

	for (size_t i = 1; i < len; i++)
		code = code << 6 | ((unsigned char)text[i] & 0x3f);
	return code;
}

const char *scan_shown(const char *text, char ret_shown[SCAN_SHOWN_MAX])
{
	/* What editors, browsers and word processors put into a text. */
	static const struct {
		unsigned first, last;
		const char *name;
	} known[] = {
		{0xa0, 0xa0, "no-break space"},
		{0x200b, 0x200f, "invisible"},
		{0x2013, 0x2014, "dash"},
		{0x2018, 0x201f, "typographic quotation mark"},
		{0x202a, 0x202e, "invisible"},
		{0xfeff, 0xfeff, "byte order mark"},
	};
	const size_t len = utf8_printable_len(text);
	unsigned code;

	if (len == 0 || (len == 1 && *text == '"')) {
		(void)snprintf(ret_shown, SCAN_SHOWN_MAX, len == 0 ? "the byte 0x%02x" : "'%c'",
			(unsigned)(unsigned char)*text);
		return ret_shown;
	}
	code = code_point(text, len);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (code >= known[i].first && code <= known[i].last) {
			(void)snprintf(ret_shown, SCAN_SHOWN_MAX, "U+%04X (%s)", code, known[i].name);
			return ret_shown;
		}
	if (len == 1)
		(void)snprintf(ret_shown, SCAN_SHOWN_MAX, "\"%c\"", *text);
	else
		(void)snprintf(ret_shown, SCAN_SHOWN_MAX, "\"%.*s\" (U+%04X)", (int)len, text, code);
	return ret_shown;
}

int scan_fail_end(struct scan *scan, const char *what)
{
	char where[CONTEXT_MAX], since[48] = "";

	(void)context(scan, where);
	if (what == NULL && where[0] == '\0')
		return 0;
	if (what == NULL && scan->expected >= SCAN_ITEM)
		what = "the list";
	if (scan->in_section)
		(void)snprintf(since, sizeof(since), " (a section that begins on line %u)", scan->section_line);
	(void)snprintf(scan->error, CONFIG_ERROR_MAX, "%s:%u: the file ends inside %s%s%s%s: it is not whole",
		scan->name, scan->line, what != NULL ? what : "", what != NULL && where[0] != '\0' ? " of " : "", where,
		since);
	return -EINVAL;
}

void scan_put(struct scan *scan, const char *text, size_t len)
{
	(void)fwrite(text, 1, len, scan->out); /* memory only: syntax_read() asks whether there was enough */
}

void scan_take(struct scan *scan, size_t len)
{
	scan_put(scan, scan->at, len);
	scan->at += len;
}

/* Its lines stay, so that those of errors do. */
static int skip_comment(struct scan *scan)
{
	const char *end;

	if (strncmp(scan->at, "/*", 2) != 0) {
		scan->at += strcspn(scan->at, "\n");
		return *scan->at == '\0' ? scan_fail_end(scan, "a comment (no newline behind it)") : 0;
	}
	end = strstr(scan->at + 2, "*/");
	if (end == NULL)
		return scan_fail_end(scan, "a comment");
	scan_put(scan, " ", 1);
	for (; scan->at < end + 2; scan->at++)
		if (*scan->at == '\n') {
			scan_put(scan, "\n", 1);
			scan->line++;
		}
	return 0;
}

int scan_space(struct scan *scan)
{
	int r = 0;

	while (r == 0) {
		if (*scan->at == '#' || strncmp(scan->at, "//", 2) == 0 || strncmp(scan->at, "/*", 2) == 0) {
			r = skip_comment(scan);
		} else if (*scan->at != '\0' && strchr(" \t\r\n", *scan->at) != NULL) {
			scan->line += *scan->at == '\n';
			scan_take(scan, 1);
		} else {
			break;
		}
	}
	return r;
}
