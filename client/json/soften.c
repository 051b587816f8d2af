/* SPDX-License-Identifier: Apache-2.0 */
#include "client/json/soften.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_NUMBER "\"" JSON_KEPT_NUMBER

static size_t digits(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] >= '0' && text[n] <= '9')
		n++;
	return n;
}

/* The length of the number at the start of text (RFC 8259 section 6), 0 if there is none. */
static size_t number_len(const char *text, size_t len)
{
	size_t at = len > 0 && text[0] == '-', n = digits(text + at, len - at), more;

	if (n == 0 || (n > 1 && text[at] == '0'))
		return 0;
	at += n;
	if (at < len && text[at] == '.') {
		n = digits(text + at + 1, len - at - 1);
		if (n == 0)
			return 0;
		at += 1 + n;
	}
	if (at < len && (text[at] == 'e' || text[at] == 'E')) {
		more = at + 1;
		if (more < len && (text[more] == '+' || text[more] == '-'))
			more++;
		n = digits(text + more, len - more);
		if (n == 0)
			return 0;
		at = more + n;
	}
	return at;
}

/* The UTF-16 unit of an escape \uXXXX, or -1. */
static long unit(const char *text, size_t len)
{
	char hex[5] = "";

	if (len < 6 || text[0] != '\\' || text[1] != 'u')
		return -1;
	memcpy(hex, text + 2, 4);
	return strspn(hex, "0123456789abcdefABCDEF") == 4 ? strtol(hex, NULL, 16) : -1;
}

static bool is_high(long u)
{
	return u >= 0xd800 && u <= 0xdbff;
}

static bool is_low(long u)
{
	return u >= 0xdc00 && u <= 0xdfff;
}

/* A copy of a text that jansson can hold. */
struct soft {
	char *text;
	size_t len;
};

static void put(struct soft *soft, const char *text, size_t len)
{
	memcpy(soft->text + soft->len, text, len);
	soft->len += len;
}

/* JSON_UNHELD and the unit in hex: what was different stays so. */
static void put_unheld(struct soft *soft, unsigned u)
{
	static const char digit[] = "0123456789abcdef";
	const char hex[4] = {digit[u >> 12 & 15], digit[u >> 8 & 15], digit[u >> 4 & 15], digit[u & 15]};

	put(soft, JSON_UNHELD, sizeof(JSON_UNHELD) - 1);
	put(soft, hex, sizeof(hex));
}

/* An escape within a string: its length. */
static size_t soften_escape(const char *text, size_t len, struct soft *soft)
{
	long u = unit(text, len);
	size_t n = u < 0 ? 2 : 6;

	if (is_high(u) && is_low(unit(text + 6, len - 6)))
		n = 12;
	else if (u == 0 || u == 0xffff || is_high(u) || is_low(u)) {
		put_unheld(soft, (unsigned)u);
		return n;
	}
	n = n < len ? n : len;
	put(soft, text, n);
	return n;
}

/* Whether a member's name ends here: a number that became a string would make one. */
static bool is_name(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && (text[n] == ' ' || text[n] == '\t' || text[n] == '\r' || text[n] == '\n'))
		n++;
	return n < len && text[n] == ':';
}

static size_t soften_number(const char *text, size_t len, enum soften how, struct soft *soft)
{
	size_t n = number_len(text, len);

	if (n == 0) {
		put(soft, text, 1);
		return 1;
	}
	if (how == SOFT_KEEPS && !is_name(text + n, len - n)) {
		put(soft, KEPT_NUMBER, sizeof(KEPT_NUMBER) - 1);
		put(soft, text, n);
		put(soft, "\"", 1);
	} else {
		put(soft, "0 ", 2); /* what follows is no part of it */
	}
	return n;
}

/* A character of a string, the closing quotation mark apart. */
static size_t soften_character(const char *text, size_t len, bool escapes, struct soft *soft)
{
	size_t n = 1;

	if (text[0] == '\\' && escapes)
		return soften_escape(text, len, soft);
	if (text[0] == '\\' && len > 1)
		n = 2;
	if (escapes && len >= 3 && memcmp(text, JSON_UNHELD, 3) == 0) {
		put_unheld(soft, 0xffff);
		return 3;
	}
	put(soft, text, n);
	return n;
}

size_t soften(const char *text, size_t len, enum soften how, char *ret_soft)
{
	struct soft soft = {ret_soft, 0};
	bool in_string = false;
	size_t step;

	for (size_t i = 0; i < len; i += step) {
		char c = text[i];

		step = 1;
		if (in_string && c != '"') {
			step = soften_character(text + i, len - i, how != SOFT_NUMBERS, &soft);
		} else if (!in_string && (c == '-' || (c >= '0' && c <= '9'))) {
			step = soften_number(text + i, len - i, how, &soft);
		} else {
			in_string ^= c == '"';
			put(&soft, &c, 1);
		}
	}
	return soft.len;
}

static bool is_unheld(const char *text)
{
	const size_t n = sizeof(JSON_UNHELD) - 1;

	return strncmp(text, JSON_UNHELD, n) == 0 && strspn(text + n, "0123456789abcdef") >= 4;
}

void harden(char *text)
{
	char *to = text;

	while (*text) {
		if (strncmp(text, KEPT_NUMBER, sizeof(KEPT_NUMBER) - 1) == 0) {
			size_t n = strcspn(text += sizeof(KEPT_NUMBER) - 1, "\"");

			memmove(to, text, n);
			to += n;
			text += n + 1;
		} else if (is_unheld(text)) {
			text += sizeof(JSON_UNHELD) - 1;
			*to++ = '\\';
			*to++ = 'u';
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}
