/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h: what is done with a tree that was read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/json/tree.h"

const struct json_node *json_tree_first(const struct json_node *in)
{
	return in->size > 1 ? in + 1 : NULL;
}

const struct json_node *json_tree_next(const struct json_node *in, const struct json_node *value)
{
	const struct json_node *behind = value + value->size;

	return behind < in + in->size ? behind : NULL;
}

const struct json_node *json_tree_member(const struct json_node *object, const char *name)
{
	size_t len = strlen(name);
	const struct json_node *member;

	if (!object || object->kind != JSON_KIND_OBJECT)
		return NULL;
	for (member = json_tree_first(object);
		member && !(member->name_len == len && memcmp(member->name, name, len) == 0);)
		member = json_tree_next(object, member);
	return member;
}

/* Counts, and writes as well if there is somewhere to. */
struct writer {
	char *to; /* NULL: nowhere */
	size_t len;
};

static void put(struct writer *writer, const char *text, size_t len)
{
	if (writer->to)
		memcpy(writer->to + writer->len, text, len);
	writer->len += len;
}

static void put_string(struct writer *writer, const char *text, size_t len)
{
	static const char special[] = "\"\\\b\f\n\r\t", escaped[] = "\"\\bfnrt";
	char escape[8];

	put(writer, "\"", 1);
	for (size_t i = 0; i < len; i++) {
		const char *found = memchr(special, text[i], sizeof(special) - 1);

		if (found) {
			put(writer, "\\", 1);
			put(writer, &escaped[found - special], 1);
		} else if ((unsigned char)text[i] < ' ') {
			snprintf(escape, sizeof(escape), "\\u%04X", (unsigned char)text[i]);
			put(writer, escape, 6);
		} else {
			put(writer, &text[i], 1);
		}
	}
	put(writer, "\"", 1);
}

static void put_value(struct writer *writer, const struct json_node *value);

static void put_all(struct writer *writer, const struct json_node *in)
{
	const bool object = in->kind == JSON_KIND_OBJECT;
	const struct json_node *one = json_tree_first(in);

	put(writer, object ? "{" : "[", 1);
	while (one) {
		if (object) {
			put_string(writer, one->name, one->name_len);
			put(writer, ":", 1);
		}
		put_value(writer, one);
		one = json_tree_next(in, one);
		if (one)
			put(writer, ",", 1);
	}
	put(writer, object ? "}" : "]", 1);
}

/* No deeper than the text was when it was read. */
static void put_value(struct writer *writer, const struct json_node *value)
{
	switch (value->kind) {
	case JSON_KIND_OBJECT:
	case JSON_KIND_ARRAY:
		put_all(writer, value);
		break;
	case JSON_KIND_STRING:
		put_string(writer, value->text, value->text_len);
		break;
	case JSON_KIND_NUMBER:
		put(writer, value->text, value->text_len);
		break;
	case JSON_KIND_TRUE:
		put(writer, "true", 4);
		break;
	case JSON_KIND_FALSE:
		put(writer, "false", 5);
		break;
	default:
		put(writer, "null", 4);
		break;
	}
}

char *json_tree_dump(const struct json_node *value)
{
	struct writer writer = {NULL, 0};
	char *text;

	put_value(&writer, value);
	text = malloc(writer.len + 1);
	if (!text)
		return NULL;
	writer = (struct writer){text, 0};
	put_value(&writer, value);
	text[writer.len] = '\0';
	return text;
}
