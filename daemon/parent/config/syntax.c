#include "daemon/parent/config/syntax.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/parent/config/config.h"

enum {
	TEXT_MAX = 1 << 20,  /* bytes of a file */
	NAMES_MAX = 64,      /* options of one section that are remembered: more than there are known ones */
	VARIABLE_MAX = 128,  /* bytes of the name of a variable */
	CONTEXT_MAX = 160,   /* bytes of where in the file an error is */
	OCTAL_DIGITS = 3,
	BYTE_MAX_VALUE = 0xff,
};

#define WORD_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:@%/-"
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

struct word {
	const char *text; /* in the file */
	int len;
};

/* The options of one section, or those outside of all. */
struct level {
	struct word names[NAMES_MAX];
	size_t n;
};

struct scan {
	const char *name;
	char *error;
	const char *at; /* NUL at the end; there is no other one */
	unsigned line;
	FILE *out;
	enum { OPTION, EQUALS, BRACE, VALUE, ITEM, COMMA } expected;
	struct word option;  /* the one that is being read */
	struct word section, title; /* of the section that is open */
	bool in_section;
	unsigned section_line, list_line;
	struct level outside, inside;
};

/* 'rule "all": keys', as far as something is open. Empty between two options outside of all sections. */
static const char *context(const struct scan *scan, char text[CONTEXT_MAX])
{
	const char *gap = scan->in_section && scan->expected != OPTION ? ": " : "";
	int n = 0;

	text[0] = '\0';
	if (scan->in_section)
		n = snprintf(text, CONTEXT_MAX, "%.*s%s%.*s", scan->section.len, scan->section.text, scan->title.len > 0 ? " " : "",
		             scan->title.len, scan->title.text != NULL ? scan->title.text : "");
	if (scan->expected != OPTION && n >= 0 && n < CONTEXT_MAX)
		(void)snprintf(text + n, (size_t)(CONTEXT_MAX - n), "%s%.*s", gap, scan->option.len, scan->option.text);
	return text;
}

static int __attribute__((format(printf, 2, 3))) fail(struct scan *scan, const char *format, ...)
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

/* what: the smallest thing that is open, NULL for the option or section. 0 if that is none either. */
static int fail_end(struct scan *scan, const char *what)
{
	char where[CONTEXT_MAX], since[48] = "";

	(void)context(scan, where);
	if (what == NULL && where[0] == '\0')
		return 0;
	if (what == NULL && scan->expected >= ITEM)
		what = "the list";
	if (scan->in_section)
		(void)snprintf(since, sizeof(since), " (a section that begins on line %u)", scan->section_line);
	(void)snprintf(scan->error, CONFIG_ERROR_MAX, "%s:%u: the file ends inside %s%s%s%s: it is not whole", scan->name,
	               scan->line, what != NULL ? what : "", what != NULL && where[0] != '\0' ? " of " : "", where, since);
	return -EINVAL;
}

static void put(struct scan *scan, const char *text, size_t len)
{
	(void)fwrite(text, 1, len, scan->out); /* memory only: syntax_read() asks whether there was enough */
}

static void take(struct scan *scan, size_t len)
{
	put(scan, scan->at, len);
	scan->at += len;
}

/* As the inside of a string in double quotes. */
static void put_value(struct scan *scan, const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '\n') {
			put(scan, "\\n", 2);
			continue;
		}
		if (strchr("\"\\$", value[i]) != NULL)
			put(scan, "\\", 1);
		put(scan, value + i, 1);
	}
}

/* At "${". One that is empty is taken like one that is not there: in front of a "*" both open a rule to all keys. */
static int read_variable(struct scan *scan)
{
	const char *name = scan->at + 2, *end = name + strspn(name, NAME_CHARS), *given = NULL, *value;
	const size_t len = (size_t)(end - name);
	char variable[VARIABLE_MAX];

	if (strncmp(end, ":-", 2) == 0) {
		given = end + 2;
		end = given + strcspn(given, "}\"\n");
	}
	if (len == 0 || len >= sizeof(variable) || isdigit((unsigned char)*name) || *end != '}')
		return fail(scan, "\"${\" does not begin ${NAME} or ${NAME:-default}: write \"\\${\" if it is meant as it stands");
	memcpy(variable, name, len);
	variable[len] = '\0';
	value = getenv(variable);
	if (value == NULL || *value == '\0') {
		if (given == NULL)
			return fail(scan, "the environment variable %s is %s: set it, or write ${%s:-default}", variable,
			            value == NULL ? "not set" : "empty", variable);
		put_value(scan, given, (size_t)(end - given));
	} else {
		put_value(scan, value, strlen(value));
	}
	scan->at = end + 1;
	return 0;
}

/* At a backslash in double quotes. */
static int read_escape(struct scan *scan)
{
	const char *c = scan->at + 1;
	size_t digits = strspn(c, "0123456789");
	unsigned long value = 1;

	if (*c == '\0')
		return fail_end(scan, "a string");
	if (digits > 0) {
		value = digits <= OCTAL_DIGITS && strspn(c, "01234567") == digits ? strtoul(c, NULL, 8) : BYTE_MAX_VALUE + 1UL;
		digits--;
	} else if (*c == 'x') {
		digits = strspn(c + 1, "0123456789abcdefABCDEF");
		digits = digits < 2 ? digits : 2;
		value = digits == 0 ? 0 : strtoul((const char[]){c[1], digits == 2 ? c[2] : '\0', '\0'}, NULL, 16);
	} else if (strchr("nrbfaetv\\\"'$\n", *c) == NULL) {
		return fail(scan, "\"\\%c\" is no escape: write \"\\\\%c\" for a backslash and what follows", *c, *c);
	}
	if (value == 0 || value > BYTE_MAX_VALUE)
		return fail(scan, "\"\\%.*s\" is no escape: \\001 to \\377 and \\x01 to \\xff are", (int)digits + 1, c);
	scan->line += *c == '\n';
	take(scan, 2 + digits);
	return 0;
}

static int read_string(struct scan *scan)
{
	const char quote = *scan->at;
	int r = 0;

	take(scan, 1);
	while (*scan->at != quote && r == 0) {
		if (*scan->at == '\0')
			return fail_end(scan, "a string");
		if (*scan->at == '\n')
			return fail(scan, "a string has no %c at its end", quote);
		if (quote == '"' && strncmp(scan->at, "${", 2) == 0)
			r = read_variable(scan);
		else if (quote == '"' && *scan->at == '\\')
			r = read_escape(scan);
		else if (*scan->at == '\\' && (scan->at[1] == '\\' || scan->at[1] == quote))
			take(scan, 2);
		else
			take(scan, 1);
	}
	if (r == 0)
		take(scan, 1);
	return r;
}

/* A string, a variable that is one, or a bare word, all of which are strings to libconfuse. */
static int read_text(struct scan *scan)
{
	int r;

	if (*scan->at == '"' || *scan->at == '\'')
		return read_string(scan);
	if (strncmp(scan->at, "${", 2) != 0) {
		take(scan, strspn(scan->at, WORD_CHARS));
		/* who knows whether it was longer */
		return *scan->at == '\0' ? fail_end(scan, "a word, with no newline behind it,") : 0;
	}
	put(scan, "\"", 1);
	r = read_variable(scan);
	put(scan, "\"", 1);
	return r;
}

/* Its lines stay, so that those of errors do. */
static int skip_comment(struct scan *scan)
{
	const char *end;

	if (strncmp(scan->at, "/*", 2) != 0) {
		scan->at += strcspn(scan->at, "\n");
		return *scan->at == '\0' ? fail_end(scan, "a comment, with no newline behind it,") : 0;
	}
	end = strstr(scan->at + 2, "*/");
	if (end == NULL)
		return fail_end(scan, "a comment");
	put(scan, " ", 1);
	for (; scan->at < end + 2; scan->at++)
		if (*scan->at == '\n') {
			put(scan, "\n", 1);
			scan->line++;
		}
	return 0;
}

static int skip_space(struct scan *scan)
{
	int r = 0;

	while (r == 0) {
		if (*scan->at == '#' || strncmp(scan->at, "//", 2) == 0 || strncmp(scan->at, "/*", 2) == 0) {
			r = skip_comment(scan);
		} else if (*scan->at != '\0' && strchr(" \t\r\n", *scan->at) != NULL) {
			scan->line += *scan->at == '\n';
			take(scan, 1);
		} else {
			break;
		}
	}
	return r;
}

static bool same(const struct word *a, const struct word *b)
{
	return a->len == b->len && memcmp(a->text, b->text, (size_t)a->len) == 0;
}

/* libconfuse lets the last one win. Of more than NAMES_MAX at least one is unknown, which libconfuse refuses. */
static int note_once(struct scan *scan)
{
	struct level *level = scan->in_section ? &scan->inside : &scan->outside;

	for (size_t i = 0; i < level->n; i++)
		if (same(&level->names[i], &scan->option)) {
			scan->expected = OPTION; /* the name stands in the message */
			return fail(scan, "%.*s is given twice: remove one", scan->option.len, scan->option.text);
		}
	if (level->n < NAMES_MAX)
		level->names[level->n++] = scan->option;
	return 0;
}

static int read_option(struct scan *scan)
{
	const char *begin = scan->at;

	if (*begin == '}' && scan->in_section) {
		scan->in_section = false;
		take(scan, 1);
		return 0;
	}
	if (!isalpha((unsigned char)*begin))
		return fail(scan, "\"%c\" where an option should begin", *begin);
	scan->option = (struct word){begin, (int)strspn(begin, WORD_CHARS)};
	scan->expected = EQUALS;
	return read_text(scan);
}

static int open_section(struct scan *scan)
{
	if (scan->in_section)
		return fail(scan, "a section inside that of line %u: is a } missing before it?", scan->section_line);
	if (scan->title.text == NULL && note_once(scan) < 0)
		return -EINVAL;
	scan->section = scan->option;
	scan->section_line = scan->line;
	scan->in_section = true;
	scan->inside.n = 0;
	scan->expected = OPTION;
	take(scan, 1);
	return 0;
}

/* Behind the name of an option or a section. */
static int read_equals(struct scan *scan)
{
	const char *begin = scan->at;
	int r;

	scan->title = scan->in_section ? scan->title : (struct word){0};
	if (*begin == '{')
		return open_section(scan);
	if (*begin == '=') {
		r = note_once(scan);
		scan->expected = VALUE;
		take(scan, 1);
		return r;
	}
	if (scan->in_section)
		return fail(scan, "\"%c\" where a \"=\" should stand, or a } is missing before it", *begin);
	if (strchr("\"'$" WORD_CHARS, *begin) == NULL)
		return fail(scan, "\"%c\" where a \"=\" should stand", *begin);
	r = read_text(scan);
	scan->title = (struct word){begin, (int)(scan->at - begin)};
	scan->expected = BRACE;
	return r;
}

static int read_value(struct scan *scan)
{
	int r;

	if (*scan->at == '{' && scan->expected == VALUE) {
		scan->expected = ITEM;
		scan->list_line = scan->line;
		take(scan, 1);
		return 0;
	}
	if (strchr("\"'$" WORD_CHARS, *scan->at) == NULL)
		return fail(scan, "\"%c\" where a value should stand: text with it needs double quotes", *scan->at);
	r = read_text(scan);
	scan->expected = r < 0 ? scan->expected : scan->expected == ITEM ? COMMA : OPTION;
	return r;
}

/* In a list. */
static int read_item(struct scan *scan)
{
	if (*scan->at == '}') {
		scan->expected = OPTION;
		take(scan, 1);
		return 0;
	}
	if (scan->expected == ITEM)
		return read_value(scan);
	if (*scan->at != ',')
		return fail(scan, "\"%c\" in the list of line %u where a comma or its } should stand", *scan->at, scan->list_line);
	scan->expected = ITEM;
	take(scan, 1);
	return 0;
}

static int read_next(struct scan *scan)
{
	switch (scan->expected) {
	case OPTION:
		return read_option(scan);
	case EQUALS:
		return read_equals(scan);
	case BRACE:
		return *scan->at == '{' ? open_section(scan) : fail(scan, "\"%c\" where the section's { should stand", *scan->at);
	case VALUE:
		return read_value(scan);
	case ITEM:
	case COMMA:
		break;
	}
	return read_item(scan);
}

static int read_all(struct scan *scan)
{
	int r = skip_space(scan);

	while (r == 0 && *scan->at != '\0') {
		r = read_next(scan);
		if (r == 0)
			r = skip_space(scan);
	}
	return r < 0 ? r : fail_end(scan, NULL);
}

/* What a line of text does not hold would end a string, or hide in a message. */
static int check_bytes(struct scan *scan, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (((unsigned char)text[i] < ' ' && (text[i] == '\0' || strchr("\t\r\n", text[i]) == NULL)) || text[i] == 0x7f)
			return fail(scan, "a control character (0x%02x): this is no text", (unsigned)text[i]);
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
		r = fail(scan, "cannot be read: %s", strerror(errno != 0 ? errno : EIO));
	else if (len > TEXT_MAX)
		r = fail(scan, "more than %d bytes", TEXT_MAX);
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
