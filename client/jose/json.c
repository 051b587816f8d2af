/* json.h */
#include "client/jose/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base64url.h"
#include "proto/depth.h"

/* ---- what JSON allows and jansson cannot hold -------------------------------------------------------------------- */

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

/* An escape within a string: its length. One that cannot be held becomes \uffff, which is JSON_UNHELD. */
static size_t soften_escape(char *text, size_t len)
{
	long u = unit(text, len);

	if (u < 0)
		return 2;
	if (is_high(u) && is_low(unit(text + 6, len - 6)))
		return 12;
	if (u == 0 || is_high(u) || is_low(u))
		memcpy(text + 2, "ffff", 4);
	return 6;
}

static size_t soften_number(char *text, size_t len)
{
	size_t n = number_len(text, len);

	if (n == 0)
		return 1;
	memset(text, ' ', n);
	text[0] = '0';
	return n;
}

/* In place, and without making JSON of what is none: a number becomes another number. */
static void soften(char *text, size_t len, bool escapes)
{
	bool in_string = false;
	size_t step;

	for (size_t i = 0; i < len; i += step) {
		char c = text[i];

		step = 1;
		if (in_string && c == '\\')
			step = escapes ? soften_escape(text + i, len - i) : 2;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '-' || (c >= '0' && c <= '9')))
			step = soften_number(text + i, len - i);
	}
}

static json_t *load_softened(const char *text, size_t len, bool escapes)
{
	char *copy = malloc(len + 1);
	json_t *json = NULL;

	if (copy) {
		memcpy(copy, text, len);
		soften(copy, len, escapes);
		json = json_loadb(copy, len, JSON_REJECT_DUPLICATES, NULL);
	}
	free(copy);
	return json;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static json_t *only_object(json_t *json)
{
	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

json_t *json_object_parse(const char *text, size_t len)
{
	json_error_t error;
	json_t *json;

	if (!json_depth_within(text, len, JSON_DEPTH_MAX))
		return NULL;
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!json && json_error_code(&error) == json_error_numeric_overflow)
		json = load_softened(text, len, false);
	return only_object(json);
}

json_t *json_set_parse(const char *text, size_t len)
{
	json_t *json;

	if (!json_depth_within(text, len, JSON_SET_DEPTH_MAX))
		return NULL;
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	return only_object(json ? json : load_softened(text, len, true));
}

bool json_octets(const json_t *string, size_t max, uint8_t *ret_data, size_t *ret_len)
{
	ssize_t len = -EINVAL;

	if (json_is_string(string))
		len = b64u_decode(json_string_value(string), json_string_length(string), ret_data, max);
	if (len < 0)
		return false;
	*ret_len = (size_t)len;
	return true;
}

json_t *json_from_octets(const void *data, size_t len)
{
	char *text = b64u_text(data, len);
	json_t *json = text ? json_string(text) : NULL;

	free(text);
	return json;
}
