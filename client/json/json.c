/* SPDX-License-Identifier: Apache-2.0 */
/* json.h */
#include "client/json/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/json/soften.h"
#include "proto/base64url.h"
#include "proto/depth.h"

/* ---- what JSON allows and jansson cannot hold -------------------------------------------------------------------- */

static json_t *load_softened(const char *text, size_t len)
{
	char *soft = malloc(SOFT_GROWS * len + 1);
	json_t *json = NULL;

	if (soft)
		json = json_loadb(soft, soften(text, len, SOFT_NUMBERS, soft), JSON_REJECT_DUPLICATES, NULL);
	free(soft);
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
	char *soft = malloc(SOFT_GROWS * len + 1);
	json_t *whole = NULL, *set = NULL;
	size_t soft_len = 0;

	if (soft) {
		soft_len = soften(text, len, SOFT_ESCAPES, soft);
		whole = json_loadb(soft, soft_len, 0, NULL);
	}
	if (json_is_object(whole))
		set = take_set((struct rest){soft, soft_len});
	json_decref(whole);
	free(soft);
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

json_t *json_kept_parse(const char *text, size_t len)
{
	char *soft = malloc(SOFT_KEEPS_GROWS * len + 1);
	json_t *json = NULL;

	if (soft)
		json = json_loadb(soft, soften(text, len, SOFT_KEEPS, soft), JSON_REJECT_DUPLICATES, NULL);
	free(soft);
	return only_object(json);
}

char *json_kept_dump(const json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	if (text)
		harden(text);
	return text;
}

const char *json_kept_number(const json_t *string)
{
	const char *text = json_string_value(string);

	return text && strncmp(text, JSON_KEPT_NUMBER, strlen(JSON_KEPT_NUMBER)) == 0 ? text + strlen(JSON_KEPT_NUMBER)
										      : NULL;
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
