/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/config/syntax.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/parent/config/scan.h"
#include "daemon/parent/config/words.h"

enum {
	TEXT_MAX = 1 << 20, /* bytes of a file */
};

static bool same(const struct word *a, const struct word *b)
{
	return a->len == b->len && memcmp(a->text, b->text, (size_t)a->len) == 0;
}

/* libconfuse lets the last one win. Of more than SCAN_NAMES_MAX at least one is unknown, which libconfuse refuses. */
static int note_once(struct scan *scan)
{
	struct level *level = scan->in_section ? &scan->inside : &scan->outside;

	for (size_t i = 0; i < level->n; i++)
		if (same(&level->names[i], &scan->option)) {
			scan->expected = SCAN_OPTION; /* the name stands in the message */
			return scan_fail(scan, "%.*s is given twice: remove one", scan->option.len, scan->option.text);
		}
	if (level->n < SCAN_NAMES_MAX)
		level->names[level->n++] = scan->option;
	return 0;
}

static int read_option(struct scan *scan)
{
	const char *begin = scan->at;
	char shown[SCAN_SHOWN_MAX];

	if (*begin == '}' && scan->in_section) {
		scan->in_section = false;
		scan_take(scan, 1);
		return 0;
	}
	if (!isalpha((unsigned char)*begin))
		return scan_fail(scan, "%s where an option should begin", scan_shown(begin, shown));
	scan->option = (struct word){begin, (int)strspn(begin, WORD_CHARS)};
	scan->expected = SCAN_EQUALS;
	return words_read(scan);
}

static int open_section(struct scan *scan)
{
	if (scan->in_section)
		return scan_fail(scan, "a section inside that of line %u: a } is missing before it",
			scan->section_line);
	if (scan->title.text == NULL && note_once(scan) < 0)
		return -EINVAL;
	scan->section = scan->option;
	scan->section_line = scan->line;
	scan->in_section = true;
	scan->inside.n = 0;
	scan->expected = SCAN_OPTION;
	scan_take(scan, 1);
	return 0;
}

static int fail_equals(struct scan *scan, const char *at)
{
	char shown[SCAN_SHOWN_MAX];

	return scan_fail(scan, "%s where a \"=\" should stand%s", scan_shown(at, shown),
		scan->in_section ? ", or a } is missing before it" : "");
}

/* Behind a name: the title of a section. If no { comes after it, it is none, and a "=" is missing. */
static int read_title(struct scan *scan)
{
	const char *begin = scan->at;
	const bool bare = strchr(WORD_CHARS, *begin) != NULL;
	const unsigned line = scan->line;
	struct word title;
	int r = 0;

	if (bare)
		scan_take(scan, strspn(begin, WORD_CHARS));
	else
		r = words_read(scan);
	title = (struct word){begin, (int)(scan->at - begin)};
	if (r == 0)
		r = scan_space(scan);
	if (r < 0)
		return r;
	if (*scan->at == '{') {
		scan->title = scan->in_section ? scan->title : title;
		return open_section(scan);
	}
	if (*scan->at == '\0' && !bare && !scan->in_section)
		return scan_fail_end(scan, NULL);
	scan->line = line;
	return fail_equals(scan, begin);
}

/* Behind the name of an option or a section. */
static int read_equals(struct scan *scan)
{
	int r;

	scan->title = scan->in_section ? scan->title : (struct word){0};
	if (*scan->at == '{')
		return open_section(scan);
	if (*scan->at != '=')
		return strchr(WORD_BEGINS, *scan->at) != NULL ? read_title(scan) : fail_equals(scan, scan->at);
	r = note_once(scan);
	scan->expected = SCAN_VALUE;
	scan_take(scan, 1);
	return r;
}

static int read_value(struct scan *scan)
{
	char shown[SCAN_SHOWN_MAX];
	int r;

	if (*scan->at == '{' && scan->expected == SCAN_VALUE) {
		scan->expected = SCAN_ITEM;
		scan->list_line = scan->line;
		scan_take(scan, 1);
		return 0;
	}
	if (strchr(WORD_BEGINS, *scan->at) == NULL)
		return scan_fail(scan, "%s where a value should stand: text with it needs double quotes",
			scan_shown(scan->at, shown));
	r = words_read(scan);
	scan->expected = r < 0 ? scan->expected : scan->expected == SCAN_ITEM ? SCAN_COMMA : SCAN_OPTION;
	return r;
}

/* In a list. */
static int read_item(struct scan *scan)
{
	char shown[SCAN_SHOWN_MAX];

	if (*scan->at == '}') {
		scan->expected = SCAN_OPTION;
		scan_take(scan, 1);
		return 0;
	}
	if (scan->expected == SCAN_ITEM)
		return read_value(scan);
	if (*scan->at != ',')
		return scan_fail(scan, "%s in the list of line %u where a comma or its } should stand",
			scan_shown(scan->at, shown), scan->list_line);
	scan->expected = SCAN_ITEM;
	scan_take(scan, 1);
	return 0;
}

static int read_next(struct scan *scan)
{
	switch (scan->expected) {
	case SCAN_OPTION:
		return read_option(scan);
	case SCAN_EQUALS:
		return read_equals(scan);
	case SCAN_VALUE:
		return read_value(scan);
	case SCAN_ITEM:
	case SCAN_COMMA:
		break;
	}
	return read_item(scan);
}

static int read_all(struct scan *scan)
{
	int r = scan_space(scan);

	while (r == 0 && *scan->at != '\0') {
		r = read_next(scan);
		if (r == 0)
			r = scan_space(scan);
	}
	return r < 0 ? r : scan_fail_end(scan, NULL);
}

/* What a line of text does not hold would end a string, or hide in a message. */
static int check_bytes(struct scan *scan, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (((unsigned char)text[i] < ' ' && (text[i] == '\0' || strchr("\t\r\n", text[i]) == NULL)) ||
			text[i] == 0x7f)
			return scan_fail(scan, "a control character (0x%02x): this is no text", (unsigned)text[i]);
		scan->line += text[i] == '\n';
	}
	scan->line = 1;
	return 0;
}

static int read_file(struct scan *scan, FILE *file, char **ret_text)
{
	char *text = malloc(TEXT_MAX + 1);
	size_t len;
	int r = 0;

	if (text == NULL)
		return -ENOMEM;
	errno = 0;
	len = fread(text, 1, TEXT_MAX + 1, file);
	if (ferror(file))
		r = scan_fail(scan, "cannot be read: %s", strerror(errno != 0 ? errno : EIO));
	else if (len > TEXT_MAX)
		r = scan_fail(scan, "more than %d bytes", TEXT_MAX);
	else
		r = check_bytes(scan, text, len);
	if (r < 0) {
		free(text);
		return r;
	}
	text[len] = '\0';
	*ret_text = text;
	return 0;
}

int syntax_read(FILE *file, const char *name, char **ret_text, char *ret_error)
{
	struct scan scan = {.name = name, .error = ret_error, .line = 1};
	char *text = NULL, *out = NULL;
	size_t size = 0;
	int r = read_file(&scan, file, &text);

	if (r < 0)
		return r;
	scan.at = text;
	scan.out = open_memstream(&out, &size);
	if (scan.out == NULL) {
		free(text);
		return -ENOMEM;
	}
	r = read_all(&scan);
	if (ferror(scan.out) && r == 0)
		r = -ENOMEM;
	if (fclose(scan.out) != 0 && r == 0)
		r = -ENOMEM;
	free(text);
	if (r < 0) {
		free(out);
		return r;
	}
	*ret_text = out;
	return 0;
}
