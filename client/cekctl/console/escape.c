/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/escape.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/utf8.h"

enum { JSON_GROWTH = 6 }; /* times: U+007F takes one byte and six in JSON */

size_t escape_step(const char *text, char ret_escape[ESCAPE_SIZE])
{
	const size_t len = utf8_len(text);
	const uint32_t code = len > 0 ? utf8_code(text) : (unsigned char)*text;

	ret_escape[0] = '\0';
	if (len == 0 || (len == 1 && utf8_is_control(text)))
		snprintf(ret_escape, ESCAPE_SIZE, "\\x%02x", (unsigned)code);
	else if (utf8_is_control(text) || utf8_is_invisible(text))
		snprintf(ret_escape, ESCAPE_SIZE, code > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)code);
	return len > 0 ? len : 1;
}

bool escape_is_plain(const char *text)
{
	char escape[ESCAPE_SIZE] = "";

	while (*text && !*escape)
		text += escape_step(text, escape);
	return !*escape;
}

void escape_put_span(FILE *to, const char *text, size_t len)
{
	const char *end = text + len;
	char escape[ESCAPE_SIZE];

	while (text < end) {
		const size_t step = escape_step(text, escape);

		if (*escape)
			fputs(escape, to);
		else
			fwrite(text, 1, step, to);
		text += step;
	}
}

void escape_put(FILE *to, const char *text)
{
	escape_put_span(to, text, strlen(text));
}

char *escape_copy(const char *text, char *ret_text, size_t size)
{
	char escape[ESCAPE_SIZE];
	size_t n = 0;

	while (*text) {
		const size_t step = escape_step(text, escape), len = *escape ? strlen(escape) : step;

		if (n + len >= size)
			break;
		memcpy(ret_text + n, *escape ? escape : text, len);
		n += len;
		text += step;
	}
	ret_text[n] = '\0';
	return ret_text;
}

json_t *escape_string(const char *text)
{
	json_t *string = json_string(text);
	char *copy, *to;

	if (string)
		return string;
	copy = malloc(3 * strlen(text) + 1);
	if (!copy)
		return NULL;
	to = copy;
	while (*text) {
		const size_t len = utf8_len(text);

		to = len > 0 ? mempcpy(to, text, len) : stpcpy(to, "\xef\xbf\xbd");
		text += len > 0 ? len : 1;
	}
	*to = '\0';
	string = json_string(copy);
	free(copy);
	return string;
}

/* Above U+FFFF a pair of surrogates (RFC 8259 section 7). */
static char *put_json_escape(char *to, uint32_t code)
{
	if (code > 0xffff)
		return to +
			sprintf(to, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((code - 0x10000) >> 10)),
				(unsigned)(0xdc00 + ((code - 0x10000) & 0x3ff)));
	return to + sprintf(to, "\\u%04x", (unsigned)code);
}

/* A line's end stands between members, and in no string. */
char *escape_json(const char *text)
{
	char *copy = text ? malloc(JSON_GROWTH * strlen(text) + 1) : NULL, *to = copy;

	while (copy && *text) {
		const size_t len = utf8_len(text);

		if (len > 0 && *text != '\n' && (utf8_is_control(text) || utf8_is_invisible(text)))
			to = put_json_escape(to, utf8_code(text));
		else
			to = mempcpy(to, text, len > 0 ? len : 1);
		text += len > 0 ? len : 1;
	}
	if (copy)
		*to = '\0';
	return copy;
}
