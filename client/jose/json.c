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

/* A copy of a text that jansson can hold. */
struct soft {
	char *text;
	size_t len;
};

enum { GROWS = 3 }; /* a raw U+FFFF of 3 bytes becomes 7; all else grows less */

static void put(struct soft *soft, const char *text, size_t len)
{
	memcpy(soft->text + soft->len, text, len);
	soft->len += len;
}

/* JSON_UNHELD and the unit in hex: what was different stays so. */
static void put_unheld(struct soft *soft, unsigned u)
{
	static const char digit[] = "0123456789abcdef";
	const char hex[4] = { digit[u >> 12 & 15], digit[u >> 8 & 15], digit[u >> 4 & 15], digit[u & 15] };

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

static size_t soften_number(const char *text, size_t len, struct soft *soft)
{
	size_t n = number_len(text, len);

	if (n > 0)
		put(soft, "0 ", 2); /* what follows is no part of it */
	else
		put(soft, text, 1);
	return n > 0 ? n : 1;
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

/* Without making JSON of what is none: a number becomes another number. */
static void soften(const char *text, size_t len, bool escapes, struct soft *soft)
{
	bool in_string = false;
	size_t step;

	for (size_t i = 0; i < len; i += step) {
		char c = text[i];

		step = 1;
		if (in_string && c != '"') {
			step = soften_character(text + i, len - i, escapes, soft);
		} else if (!in_string && (c == '-' || (c >= '0' && c <= '9'))) {
			step = soften_number(text + i, len - i, soft);
		} else {
			in_string ^= c == '"';
			put(soft, &c, 1);
		}
	}
}

static json_t *load_softened(const char *text, size_t len)
{
	struct soft soft = { malloc(GROWS * len + 1), 0 };
	json_t *json = NULL;

	if (soft.text) {
		soften(text, len, false, &soft);
		json = json_loadb(soft.text, soft.len, JSON_REJECT_DUPLICATES, NULL);
	}
	free(soft.text);
	return json;
}

/* ---- a set whose entries are read one by one --------------------------------------------------------------------- */

/* What is left of a text that is known to be JSON. */
struct rest {
	const char *text;
	size_t len;
};

static void skip(struct rest *rest, size_t n)
{
	rest->text += n;
	rest->len -= n;
}

/* The next character that is no white space, or NUL. */
static char next(struct rest *rest)
{
	while (rest->len > 0 && strchr(" \t\r\n", rest->text[0]) && rest->text[0])
		skip(rest, 1);
	return rest->len > 0 ? rest->text[0] : '\0';
}

/* The next character if it is c, which is passed then. */
static bool took(struct rest *rest, char c)
{
	if (next(rest) != c)
		return false;
	skip(rest, 1);
	return true;
}

/* The next value. NULL if it has a member twice (it is passed all the same, *ret_twice is true), or without memory. */
static json_t *take_value(struct rest *rest, bool *ret_twice)
{
	const size_t flags = JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK;
	json_error_t error;
	json_t *json = json_loadb(rest->text, rest->len, flags | JSON_REJECT_DUPLICATES, &error);

	*ret_twice = !json && json_error_code(&error) == json_error_duplicate_key;
	if (json) {
		skip(rest, (size_t)error.position);
	} else if (*ret_twice) {
		json_t *loose = json_loadb(rest->text, rest->len, flags, &error);

		*ret_twice = loose != NULL;
		skip(rest, loose ? (size_t)error.position : 0);
		json_decref(loose);
	}
	return json;
}

/* An entry that has a member twice is null: the others stay. */
static json_t *take_entries(struct rest *rest)
{
	json_t *array = json_array();
	bool twice, ok = array && took(rest, '[');

	while (ok && next(rest) != ']') {
		json_t *entry = take_value(rest, &twice);

		ok = json_array_append_new(array, twice ? json_null() : entry) == 0;
		(void)took(rest, ',');
	}
	if (ok && took(rest, ']'))
		return array;
	json_decref(array);
	return NULL;
}

static json_t *take_set(struct rest rest)
{
	json_t *set = json_object();
	bool twice, ok = set && took(&rest, '{');

	while (ok && next(&rest) != '}') {
		json_t *name = take_value(&rest, &twice), *value = NULL;
		const char *text = json_string_value(name);

		ok = text && !json_object_get(set, text) && took(&rest, ':');
		if (ok && strcmp(text, "keys") == 0 && next(&rest) == '[')
			value = take_entries(&rest);
		else if (ok)
			value = take_value(&rest, &twice);
		ok = ok && json_object_set_new(set, text, value) == 0;
		json_decref(name);
		(void)took(&rest, ',');
	}
	if (ok)
		return set;
	json_decref(set);
	return NULL;
}

static json_t *load_set(const char *text, size_t len)
{
	struct soft soft = { malloc(GROWS * len + 1), 0 };
	json_t *whole = NULL, *set = NULL;

	if (soft.text) {
		soften(text, len, true, &soft);
		whole = json_loadb(soft.text, soft.len, 0, NULL);
	}
	if (json_is_object(whole))
		set = take_set((struct rest){ soft.text, soft.len });
	json_decref(whole);
	free(soft.text);
	return set;
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
		json = load_softened(text, len);
	return only_object(json);
}

json_t *json_set_parse(const char *text, size_t len)
{
	json_t *json;

	if (!json_depth_within(text, len, JSON_SET_DEPTH_MAX))
		return NULL;
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	return only_object(json ? json : load_set(text, len));
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
