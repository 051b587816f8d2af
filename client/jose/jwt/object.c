/* SPDX-License-Identifier: Apache-2.0 */
/* object.h */
#include "client/jose/jwt/object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/jose/error.h"
#include "client/json/json.h"
#include "client/json/soften.h"
#include "proto/depth.h"

/* An array or object that a path leads to, written. Made when the token is read, so that to look at a claim cannot
 * fail. */
struct jwt_text {
	const json_t *of;
	char *text;
};

static struct cek_bytes bytes_of(const char *text)
{
	return (struct cek_bytes){text, strlen(text)};
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static bool is_integer(const char *text, int64_t *ret)
{
	long long value;

	if (strspn(text, "-0123456789") != strlen(text))
		return false;
	errno = 0;
	value = strtoll(text, NULL, 10);
	*ret = value;
	return errno == 0;
}

/* By jansson, which does not mind the locale. */
static bool is_real(const char *text, double *ret)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
	bool ok = json_is_real(json);

	if (ok)
		*ret = json_real_value(json);
	json_decref(json);
	return ok;
}

static bool number(const char *text, struct cek_jwt_value *ret)
{
	struct cek_jwt_value value = {.text = bytes_of(text)};

	if (is_integer(text, &value.integer)) {
		value.type = CEK_JWT_INTEGER;
		value.real = (double)value.integer;
	} else if (is_real(text, &value.real)) {
		value.type = CEK_JWT_REAL;
		value.integer = 0;
	} else {
		return false;
	}
	*ret = value;
	return true;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct scan {
	struct jwt_object *object;
	const struct jwt_bounds *bounds;
	size_t values;
	struct cek_jwe_error *error;
};

static int malformed(const struct scan *scan, const char *why)
{
	return jwe_error(scan->error, CEK_JWE_MALFORMED, "%s: %s", scan->bounds->what, why);
}

static int keep_text(struct scan *scan, const json_t *json)
{
	struct jwt_object *object = scan->object;
	struct jwt_text *texts = object->texts;
	size_t n = object->n_texts;

	if ((n & (n - 1)) == 0) /* all are taken that a power of two has */
		texts = realloc(texts, (n > 0 ? 2 * n : 1) * sizeof(*texts));
	if (!texts)
		return jwe_error_code(scan->error, CEK_JWE_NOMEM);
	object->texts = texts;
	texts[n] = (struct jwt_text){json, json_kept_dump(json)};
	if (!texts[n].text)
		return jwe_error_code(scan->error, CEK_JWE_NOMEM);
	object->n_texts++;
	return CEK_JWE_OK;
}

static int check_string(const struct scan *scan, const json_t *string)
{
	const char *text = json_kept_number(string);
	struct cek_jwt_value value;

	if (text)
		return number(text, &value) ? CEK_JWE_OK : malformed(scan, "a number that no double holds");
	if (strstr(json_string_value(string), JSON_UNHELD))
		return malformed(scan, "NUL, half a surrogate pair or U+FFFF in a string");
	return CEK_JWE_OK;
}

static int scan_value(struct scan *scan, const json_t *json, unsigned reach);

static int scan_member(struct scan *scan, const char *name, const json_t *value, unsigned reach)
{
	int code;

	if (strstr(name, JSON_UNHELD))
		return malformed(scan, "NUL, half a surrogate pair or U+FFFF in a name");
	code = scan_value(scan, value, reach > 0 ? reach - 1 : 0);
	if (code == CEK_JWE_OK && reach > 0 && (json_is_array(value) || json_is_object(value)))
		code = keep_text(scan, value);
	return code;
}

/* No deeper than the text was found to be before it was parsed. reach: how many names a path may still have, of which
 * none leads into an array. */
static int scan_value(struct scan *scan, const json_t *json, unsigned reach)
{
	int code = CEK_JWE_OK;
	const json_t *value;
	const char *name;
	size_t i;

	if (scan->values++ > scan->bounds->values) /* itself is the first */
		return jwe_error(scan->error, CEK_JWE_TOO_LARGE, "%s: over %zu values", scan->bounds->what,
			scan->bounds->values);
	if (json_is_string(json))
		return check_string(scan, json);
	if (json_is_array(json))
		json_array_foreach(json, i, value) if (code == CEK_JWE_OK) code = scan_value(scan, value, 0);
	if (json_is_object(json))
		json_object_foreach((json_t *)(uintptr_t)json, name, value) if (code == CEK_JWE_OK)
			code = scan_member(scan, name, value, reach);
	return code;
}

int jwt_object_init(struct jwt_object *object, const struct jwt_bounds *bounds, const char *text, size_t len,
	struct cek_jwe_error *error)
{
	struct jwt_object made = {0};
	struct scan scan = {&made, bounds, 0, error};
	int code;

	if (!json_depth_within(text, len, bounds->depth))
		return malformed(&scan, "nested too deep");
	made.json = json_kept_parse(text, len);
	if (!made.json)
		return malformed(&scan, "not a JSON object, or a member twice");
	code = scan_value(&scan, made.json, bounds->reach);
	if (code == CEK_JWE_OK)
		*object = made;
	else
		jwt_object_deinit(&made);
	return code;
}

void jwt_object_deinit(struct jwt_object *object)
{
	for (size_t i = 0; i < object->n_texts; i++)
		free(object->texts[i].text);
	free(object->texts);
	json_decref(object->json);
	*object = (struct jwt_object){0};
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static struct cek_jwt_value string_value(const json_t *json)
{
	const char *text = json_kept_number(json);
	struct cek_jwt_value value = {.type = CEK_JWT_STRING};

	if (text)
		(void)number(text, &value);
	else
		value.text = (struct cek_bytes){json_string_value(json), json_string_length(json)};
	return value;
}

static struct cek_bytes text_of(const struct jwt_object *object, const json_t *json)
{
	size_t i = 0;

	while (object->texts[i].of != json)
		i++;
	return bytes_of(object->texts[i].text);
}

static struct cek_jwt_value value_of(const struct jwt_object *object, const json_t *json)
{
	if (!json)
		return (struct cek_jwt_value){.type = CEK_JWT_NONE, .text = {"", 0}};
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return (struct cek_jwt_value){.type = CEK_JWT_OBJECT, .text = text_of(object, json)};
	case JSON_ARRAY:
		return (struct cek_jwt_value){.type = CEK_JWT_ARRAY, .text = text_of(object, json)};
	case JSON_TRUE:
		return (struct cek_jwt_value){.type = CEK_JWT_BOOL, .text = bytes_of("true"), .truth = true};
	case JSON_FALSE:
		return (struct cek_jwt_value){.type = CEK_JWT_BOOL, .text = bytes_of("false")};
	case JSON_NULL:
		return (struct cek_jwt_value){.type = CEK_JWT_NULL, .text = bytes_of("null")};
	default: /* a string or, as it was kept, a number */
		return string_value(json);
	}
}

struct cek_jwt_value jwt_object_at(const struct jwt_object *object, const char *const *path)
{
	const json_t *json = *path ? object->json : NULL;

	for (; json && *path; path++)
		json = json_object_get(json, *path);
	return value_of(object, json);
}

struct cek_jwt_value jwt_object_get(const struct jwt_object *object, const char *name)
{
	return jwt_object_at(object, (const char *const[]){name, NULL});
}

/* Neither a number that is kept as a string. */
static bool is_string(const json_t *json)
{
	return json_is_string(json) && !json_kept_number(json);
}

bool jwt_object_has(const struct jwt_object *object, const char *name, const char *string)
{
	const json_t *json = json_object_get(object->json, name), *element;
	bool found = false;
	size_t i;

	if (is_string(json))
		return strcmp(json_string_value(json), string) == 0;
	json_array_foreach(json, i, element)
	{
		if (!is_string(element))
			return false;
		found = found || strcmp(json_string_value(element), string) == 0;
	}
	return found;
}
