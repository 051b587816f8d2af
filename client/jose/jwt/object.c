/* SPDX-License-Identifier: Apache-2.0 */
/* object.h */
#include "client/jose/jwt/object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/wipe.h"
#include "client/jose/error.h"

/* An array or object that a path leads to, written. Made when the token is read, so that to look at a claim cannot
 * fail. */
struct jwt_text {
	const struct json_node *of;
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
	struct cek_jwe_error *error;
};

static int malformed(const struct scan *scan, const char *why)
{
	return jwe_error(scan->error, CEK_JWE_MALFORMED, "%s: %s", scan->bounds->what, why);
}

static int keep_text(struct scan *scan, const struct json_node *value)
{
	struct jwt_object *object = scan->object;
	struct jwt_text *texts = object->texts;
	size_t n = object->n_texts;

	if ((n & (n - 1)) == 0) /* all are taken that a power of two has */
		texts = realloc(texts, (n > 0 ? 2 * n : 1) * sizeof(*texts));
	if (!texts)
		return jwe_error_code(scan->error, CEK_JWE_NOMEM);
	object->texts = texts;
	texts[n] = (struct jwt_text){value, json_tree_dump(value)};
	if (!texts[n].text)
		return jwe_error_code(scan->error, CEK_JWE_NOMEM);
	object->n_texts++;
	return CEK_JWE_OK;
}

/* The texts of what a path can lead to. reach: how many names a path may still have, of which none leads into an array.
 * No deeper than it was allowed to be when it was read. */
static int keep_texts(struct scan *scan, const struct json_node *in, unsigned reach)
{
	const struct json_node *member;
	int code = CEK_JWE_OK;

	if (reach == 0 || in->kind != JSON_KIND_OBJECT)
		return CEK_JWE_OK;
	for (member = json_tree_first(in); member && code == CEK_JWE_OK; member = json_tree_next(in, member)) {
		if (member->kind != JSON_KIND_OBJECT && member->kind != JSON_KIND_ARRAY)
			continue;
		code = keep_text(scan, member);
		if (code == CEK_JWE_OK)
			code = keep_texts(scan, member, reach - 1);
	}
	return code;
}

static int check_numbers(const struct scan *scan)
{
	const struct json_tree *tree = &scan->object->tree;
	struct cek_jwt_value value;

	for (size_t i = 0; i < tree->n; i++)
		if (tree->nodes[i].kind == JSON_KIND_NUMBER && !number(tree->nodes[i].text, &value))
			return malformed(scan, "a number that no double holds");
	return CEK_JWE_OK;
}

static int read_tree(struct scan *scan, const char *text, size_t len)
{
	static const char unheld[] = "NUL, half a surrogate pair or U+FFFF in a string or name";
	const struct json_tree_bounds bounds = {scan->bounds->depth, scan->bounds->values};

	switch (json_tree_init(&scan->object->tree, &bounds, text, len)) {
	case JSON_TREE_OK:
		return scan->object->tree.noncharacter ? malformed(scan, unheld) : CEK_JWE_OK;
	case JSON_TREE_UNHELD:
		return malformed(scan, unheld);
	case JSON_TREE_DEEP:
		return malformed(scan, "nested too deep");
	case JSON_TREE_MANY:
		return jwe_error(scan->error, CEK_JWE_TOO_LARGE, "%s: over %zu values", scan->bounds->what,
			scan->bounds->values);
	case JSON_TREE_NOMEM:
		return jwe_error_code(scan->error, CEK_JWE_NOMEM);
	default:
		return malformed(scan, "not a JSON object, or a member twice");
	}
}

int jwt_object_init(struct jwt_object *object, const struct jwt_bounds *bounds, const char *text, size_t len,
	struct cek_jwe_error *error)
{
	struct jwt_object made = {0};
	struct scan scan = {&made, bounds, error};
	int code = read_tree(&scan, text, len);

	if (code == CEK_JWE_OK)
		code = check_numbers(&scan);
	if (code == CEK_JWE_OK)
		code = keep_texts(&scan, made.tree.nodes, bounds->reach);
	if (code == CEK_JWE_OK)
		*object = made;
	else
		jwt_object_deinit(&made);
	return code;
}

void jwt_object_deinit(struct jwt_object *object)
{
	for (size_t i = 0; i < object->n_texts; i++) {
		wipe(object->texts[i].text, strlen(object->texts[i].text));
		free(object->texts[i].text);
	}
	free(object->texts);
	json_tree_deinit(&object->tree);
	*object = (struct jwt_object){0};
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static struct cek_bytes text_of(const struct jwt_object *object, const struct json_node *value)
{
	size_t i = 0;

	while (object->texts[i].of != value)
		i++;
	return bytes_of(object->texts[i].text);
}

static struct cek_jwt_value value_of(const struct jwt_object *object, const struct json_node *node)
{
	struct cek_jwt_value value = {.type = CEK_JWT_STRING};

	if (!node)
		return (struct cek_jwt_value){.type = CEK_JWT_NONE, .text = {"", 0}};
	switch (node->kind) {
	case JSON_KIND_OBJECT:
		return (struct cek_jwt_value){.type = CEK_JWT_OBJECT, .text = text_of(object, node)};
	case JSON_KIND_ARRAY:
		return (struct cek_jwt_value){.type = CEK_JWT_ARRAY, .text = text_of(object, node)};
	case JSON_KIND_TRUE:
		return (struct cek_jwt_value){.type = CEK_JWT_BOOL, .text = bytes_of("true"), .truth = true};
	case JSON_KIND_FALSE:
		return (struct cek_jwt_value){.type = CEK_JWT_BOOL, .text = bytes_of("false")};
	case JSON_KIND_NULL:
		return (struct cek_jwt_value){.type = CEK_JWT_NULL, .text = bytes_of("null")};
	case JSON_KIND_NUMBER:
		(void)number(node->text, &value);
		return value;
	default:
		value.text = (struct cek_bytes){node->text, node->text_len};
		return value;
	}
}

struct cek_jwt_value jwt_object_at(const struct jwt_object *object, const char *const *path)
{
	const struct json_node *node = *path ? object->tree.nodes : NULL;

	for (; node && *path; path++)
		node = json_tree_member(node, *path);
	return value_of(object, node);
}

struct cek_jwt_value jwt_object_get(const struct jwt_object *object, const char *name)
{
	return jwt_object_at(object, (const char *const[]){name, NULL});
}

bool jwt_object_has(const struct jwt_object *object, const char *name, const char *string)
{
	const struct json_node *node = json_tree_member(object->tree.nodes, name), *element;
	bool found = false;

	if (!node || (node->kind != JSON_KIND_ARRAY && node->kind != JSON_KIND_STRING))
		return false;
	if (node->kind == JSON_KIND_STRING)
		return strcmp(node->text, string) == 0;
	for (element = json_tree_first(node); element; element = json_tree_next(node, element)) {
		if (element->kind != JSON_KIND_STRING)
			return false;
		found = found || strcmp(element->text, string) == 0;
	}
	return found;
}
