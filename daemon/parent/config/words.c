/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/config/words.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	VARIABLE_MAX = 128, /* bytes of the name of a variable */
	OCTAL_DIGITS = 3,
	HEX_DIGITS = 2,
	BYTE_MAX_VALUE = 0xff,
};

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* They look as if they meant a variable or an escape, which they do not: refused, so that nobody is misled. */
#define NOT_IN_DEFAULTS "${\\"

/*
 * As the inside of a string in double quotes, in which libconfuse finds nothing to put in: no "${", and no escape that
 * what comes next could be part of.
 */
static void put_bytes(struct scan *scan, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n') {
			scan_put(scan, "\\n", 2);
			continue;
		}
		if (strchr("\"\\$", bytes[i]) != NULL)
			scan_put(scan, "\\", 1);
		scan_put(scan, bytes + i, 1);
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
		end = given + strcspn(given, "}\"\n" NOT_IN_DEFAULTS);
	}
	if (given != NULL && *end != '\0' && strchr(NOT_IN_DEFAULTS, *end) != NULL)
		return scan_fail(scan,
			"\"%c\" in the default of ${%.*s}: a default is taken as it stands, up to the first }, and "
			"cannot hold $, { or a backslash",
			*end, len < VARIABLE_MAX ? (int)len : VARIABLE_MAX, name);
	if (len == 0 || len >= sizeof(variable) || isdigit((unsigned char)*name) || *end != '}')
		return scan_fail(scan,
			"\"${\" does not begin ${NAME} or ${NAME:-default}: "
			"write \"\\${\" if it is meant as it stands");
	memcpy(variable, name, len);
	variable[len] = '\0';
	value = getenv(variable);
	if (value == NULL || *value == '\0') {
		if (given == NULL)
			return scan_fail(scan, "the environment variable %s is %s: set it, or write ${%s:-default}",
				variable, value == NULL ? "not set" : "empty", variable);
		put_bytes(scan, given, (size_t)(end - given));
	} else {
		put_bytes(scan, value, strlen(value));
	}
	scan->at = end + 1;
	return 0;
}

/* At a backslash before a digit or an x. */
static int read_number(struct scan *scan)
{
	const char *c = scan->at + 1;
	const bool hex = *c == 'x';
	size_t digits = hex ? strspn(c + 1, "0123456789abcdefABCDEF") : strspn(c, "0123456789");
	unsigned long value = 0;
	char byte;

	if (hex) {
		digits = digits < HEX_DIGITS ? digits : HEX_DIGITS;
		if (digits > 0)
			value = strtoul((const char[]){c[1], digits == HEX_DIGITS ? c[2] : '\0', '\0'}, NULL, 16);
	} else if (digits <= OCTAL_DIGITS && strspn(c, "01234567") == digits) {
		value = strtoul(c, NULL, 8);
	}
	if (value == 0 || value > BYTE_MAX_VALUE)
		return scan_fail(scan, "\"\\%.*s\" is no escape: \\001 to \\377 and \\x01 to \\xff are",
			(int)digits + hex, c);
	byte = (char)value;
	put_bytes(scan, &byte, 1);
	scan->at += 1 + hex + digits;
	return 0;
}

/* At a backslash in double quotes. */
static int read_escape(struct scan *scan)
{
	const char *c = scan->at + 1;
	char shown[SCAN_SHOWN_MAX];

	if (*c == '\0')
		return scan_fail_end(scan, "a string");
	if (isdigit((unsigned char)*c) || *c == 'x')
		return read_number(scan);
	if (strchr("nrbfaetv\\\"'$\n", *c) != NULL) {
		scan->line += *c == '\n';
		scan_take(scan, 2);
		return 0;
	}
	if (isgraph((unsigned char)*c))
		return scan_fail(scan, "\"\\%c\" is no escape: write \"\\\\%c\" for a backslash and what follows", *c,
			*c);
	return scan_fail(scan, "a backslash and %s are no escape: write \"\\\\\" for a backslash",
		scan_shown(c, shown));
}

/* At what stands for itself in a string. */
static void take_plain(struct scan *scan, char quote)
{
	if (quote == '"') {
		put_bytes(scan, scan->at, 1);
		scan->at++;
	} else {
		scan_take(scan, *scan->at == '\\' && (scan->at[1] == '\\' || scan->at[1] == quote) ? 2 : 1);
	}
}

static int read_string(struct scan *scan)
{
	const char quote = *scan->at;
	int r = 0;

	scan_take(scan, 1);
	while (*scan->at != quote && r == 0) {
		if (*scan->at == '\0')
			return scan_fail_end(scan, "a string");
		if (*scan->at == '\n')
			return scan_fail(scan, "a string has no %c at its end", quote);
		if (quote == '"' && strncmp(scan->at, "${", 2) == 0)
			r = read_variable(scan);
		else if (quote == '"' && *scan->at == '\\')
			r = read_escape(scan);
		else
			take_plain(scan, quote);
	}
	if (r == 0)
		scan_take(scan, 1);
	return r;
}

int words_read(struct scan *scan)
{
	int r;

	if (*scan->at == '"' || *scan->at == '\'')
		return read_string(scan);
	if (strncmp(scan->at, "${", 2) != 0) {
		if (*scan->at == '$')
			return scan_fail(scan, "\"$\" does not begin ${NAME}: text with it needs double quotes");
		scan_take(scan, strspn(scan->at, WORD_CHARS));
		/* who knows whether it was longer */
		return *scan->at == '\0' ? scan_fail_end(scan, "a word (no newline behind it)") : 0;
	}
	scan_put(scan, "\"", 1);
	r = read_variable(scan);
	scan_put(scan, "\"", 1);
	return r;
}
