/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h. Strings get no longer when their escapes are taken away, and a number has something behind it, so that all
 * texts with their NULs fit where the whole did. */
#include "client/json/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "proto/utf8.h"

enum { FEW_MEMBERS = 16, UNIT_CHARS = 4, NO_UNIT = 0x10000 };

struct reader {
	const char *at, *end;
	char *to; /* where the next text goes */
	struct json_tree *tree;
	const struct json_tree_bounds *bounds;
	unsigned depth;
};

/* What a byte is. */
enum { BLANK = 1, DIGIT = 2, PLAIN = 4 }; /* plain: stands for itself in a string */
static const uint8_t classes[256] = {
	['\t'] = BLANK,
	['\n'] = BLANK,
	['\r'] = BLANK,
	[' '] = BLANK | PLAIN,
	['!'] = PLAIN,
	['#' ... '/'] = PLAIN,
	['0' ... '9'] = DIGIT | PLAIN,
	[':' ... '['] = PLAIN,
	[']' ... 0x7f] = PLAIN,
};

static bool is(const char *at, int class)
{
	return classes[(uint8_t)*at] & class;
}

/* The next byte that is no white space; NUL, which stands nowhere in JSON, at the end. */
static char next(struct reader *reader)
{
	while (reader->at < reader->end && is(reader->at, BLANK))
		reader->at++;
	return reader->at < reader->end ? *reader->at : '\0';
}

static bool took(struct reader *reader, char c)
{
	if (next(reader) != c || reader->at == reader->end)
		return false;
	reader->at++;
	return true;
}

/* ---- strings ----------------------------------------------------------------------------------------------------- */

/* The UTF-16 unit of \uXXXX, of which "\u" was read; NO_UNIT if it is none. */
static unsigned take_unit(struct reader *reader)
{
	unsigned unit = 0;

	if (reader->end - reader->at < UNIT_CHARS)
		return NO_UNIT;
	for (int i = 0; i < UNIT_CHARS; i++) {
		char c = *reader->at++;

		if (c >= '0' && c <= '9')
			unit = unit << 4 | (unsigned)(c - '0');
		else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
			unit = unit << 4 | ((unsigned)(c & 0xf) + 9);
		else
			return NO_UNIT;
	}
	return unit;
}

static void put_utf8(struct reader *reader, unsigned code)
{
	if (code < 0x80) {
		*reader->to++ = (char)code;
		return;
	}
	if (code < 0x800) {
		*reader->to++ = (char)(0xc0 | code >> 6);
	} else {
		if (code < 0x10000) {
			*reader->to++ = (char)(0xe0 | code >> 12);
		} else {
			*reader->to++ = (char)(0xf0 | code >> 18);
			*reader->to++ = (char)(0x80 | (code >> 12 & 0x3f));
		}
		*reader->to++ = (char)(0x80 | (code >> 6 & 0x3f));
	}
	*reader->to++ = (char)(0x80 | (code & 0x3f));
}

static enum json_tree_result take_unicode(struct reader *reader)
{
	unsigned code = take_unit(reader), low = NO_UNIT;

	if (code == NO_UNIT)
		return JSON_TREE_BAD;
	if (code >= 0xd800 && code <= 0xdbff) {
		if (reader->end - reader->at >= 2 && reader->at[0] == '\\' && reader->at[1] == 'u') {
			reader->at += 2;
			low = take_unit(reader);
			if (low == NO_UNIT)
				return JSON_TREE_BAD;
		}
		if (low < 0xdc00 || low > 0xdfff)
			return JSON_TREE_UNHELD;
		code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
	}
	if (code == 0 || (code >= 0xdc00 && code <= 0xdfff))
		return JSON_TREE_UNHELD;
	reader->tree->noncharacter |= code == 0xffff;
	put_utf8(reader, code);
	return JSON_TREE_OK;
}

static enum json_tree_result take_escape(struct reader *reader)
{
	static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *escape;

	if (reader->at == reader->end)
		return JSON_TREE_BAD;
	if (*reader->at++ == 'u')
		return take_unicode(reader);
	escape = memchr(escapes, reader->at[-1], sizeof(escapes) - 1);
	if (!escape)
		return JSON_TREE_BAD;
	*reader->to++ = meant[escape - escapes];
	return JSON_TREE_OK;
}

/* A character of several bytes. */
static enum json_tree_result take_wide(struct reader *reader)
{
	char ahead[5] = "";
	size_t left = (size_t)(reader->end - reader->at), len;

	memcpy(ahead, reader->at, left < sizeof(ahead) - 1 ? left : sizeof(ahead) - 1);
	len = utf8_len(ahead);
	if (len < 2)
		return JSON_TREE_BAD;
	reader->tree->noncharacter |= memcmp(ahead, "\xef\xbf\xbf", 3) == 0;
	memcpy(reader->to, ahead, len);
	reader->to += len;
	reader->at += len;
	return JSON_TREE_OK;
}

/* Behind the first quotation mark. */
static enum json_tree_result take_string(struct reader *reader, const char **ret_text, uint32_t *ret_len)
{
	enum json_tree_result result = JSON_TREE_OK;
	char *text = reader->to;

	while (result == JSON_TREE_OK) {
		while (reader->at < reader->end && is(reader->at, PLAIN))
			*reader->to++ = *reader->at++;
		if (reader->at == reader->end)
			return JSON_TREE_BAD;
		if (*reader->at == '"')
			break;
		if ((uint8_t)*reader->at >= 0x80)
			result = take_wide(reader);
		else if (*reader->at++ == '\\')
			result = take_escape(reader);
		else
			result = JSON_TREE_BAD; /* a control character */
	}
	if (result != JSON_TREE_OK)
		return result;
	reader->at++;
	*ret_text = text;
	*ret_len = (uint32_t)(reader->to - text);
	*reader->to++ = '\0';
	return JSON_TREE_OK;
}

/* ---- numbers and words ------------------------------------------------------------------------------------------- */

/* false: there is no digit. */
static bool skip_digits(struct reader *reader)
{
	const char *start = reader->at;

	while (reader->at < reader->end && is(reader->at, DIGIT))
		reader->at++;
	return reader->at > start;
}

static bool skip(struct reader *reader, char c)
{
	if (reader->at == reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

static enum json_tree_result take_number(struct reader *reader, struct json_node *node)
{
	const char *start = reader->at;

	(void)skip(reader, '-');
	if (!skip(reader, '0') && !skip_digits(reader))
		return JSON_TREE_BAD;
	if (skip(reader, '.') && !skip_digits(reader))
		return JSON_TREE_BAD;
	if (skip(reader, 'e') || skip(reader, 'E')) {
		if (!skip(reader, '-'))
			(void)skip(reader, '+');
		if (!skip_digits(reader))
			return JSON_TREE_BAD;
	}
	node->text = reader->to;
	node->text_len = (uint32_t)(reader->at - start);
	memcpy(reader->to, start, node->text_len);
	reader->to += node->text_len;
	*reader->to++ = '\0';
	return JSON_TREE_OK;
}

static enum json_tree_result take_word(struct reader *reader, struct json_node *node)
{
	static const char *const words[] = {"true", "false", "null"};
	static const uint8_t kinds[] = {JSON_KIND_TRUE, JSON_KIND_FALSE, JSON_KIND_NULL};

	for (size_t i = 0; i < sizeof(kinds); i++) {
		size_t len = strlen(words[i]);

		if ((size_t)(reader->end - reader->at) >= len && memcmp(reader->at, words[i], len) == 0) {
			reader->at += len;
			node->kind = kinds[i];
			return JSON_TREE_OK;
		}
	}
	return JSON_TREE_BAD;
}

/* ---- arrays and objects ------------------------------------------------------------------------------------------ */

static int compare_names(const void *one, const void *other)
{
	const struct json_node *a = *(const struct json_node *const *)one;
	const struct json_node *b = *(const struct json_node *const *)other;

	return strcmp(a->name, b->name);
}

/* Of many members by sorting: whoever wrote them chose how many there are. */
static enum json_tree_result look_twice(const struct json_node *object, size_t n)
{
	const struct json_node **members = malloc(n * sizeof(struct json_node *)), *member;
	enum json_tree_result result = JSON_TREE_OK;
	size_t i = 0;

	if (!members)
		return JSON_TREE_NOMEM;
	for (member = object + 1; i < n; member += member->size)
		members[i++] = member;
	qsort(members, n, sizeof(struct json_node *), compare_names);
	for (i = 1; i < n; i++)
		if (strcmp(members[i - 1]->name, members[i]->name) == 0)
			result = JSON_TREE_TWICE;
	free(members);
	return result;
}

/* Whether one of the n members has the name of another. */
static enum json_tree_result check_names(const struct json_node *object, size_t n)
{
	const struct json_node *one = object + 1, *other;

	if (n > FEW_MEMBERS)
		return look_twice(object, n);
	for (; n > 1; n--, one += one->size) {
		other = one + one->size;
		for (size_t i = 1; i < n; i++, other += other->size)
			if (other->name_len == one->name_len && memcmp(other->name, one->name, one->name_len) == 0)
				return JSON_TREE_TWICE;
	}
	return JSON_TREE_OK;
}

static enum json_tree_result take_value(struct reader *reader, const char *name, uint32_t name_len);

static enum json_tree_result take_member(struct reader *reader)
{
	const char *name = NULL;
	uint32_t len = 0;
	enum json_tree_result result;

	if (!took(reader, '"'))
		return JSON_TREE_BAD;
	result = take_string(reader, &name, &len);
	if (result == JSON_TREE_OK && !took(reader, ':'))
		result = JSON_TREE_BAD;
	return result == JSON_TREE_OK ? take_value(reader, name, len) : result;
}

/* Behind the first bracket. */
static enum json_tree_result take_all(struct reader *reader, struct json_node *node)
{
	const bool object = node->kind == JSON_KIND_OBJECT;
	const char end = object ? '}' : ']';
	enum json_tree_result result = JSON_TREE_OK;
	size_t n = 0;

	if (++reader->depth > reader->bounds->depth)
		return JSON_TREE_DEEP;
	if (!took(reader, end)) {
		do {
			n++;
			result = object ? take_member(reader) : take_value(reader, NULL, 0);
		} while (result == JSON_TREE_OK && took(reader, ','));
		if (result == JSON_TREE_OK && !took(reader, end))
			result = JSON_TREE_BAD;
	}
	reader->depth--;
	return result == JSON_TREE_OK && object ? check_names(node, n) : result;
}

static enum json_tree_result take_value(struct reader *reader, const char *name, uint32_t name_len)
{
	struct json_tree *tree = reader->tree;
	struct json_node *node = &tree->nodes[tree->n];
	enum json_tree_result result;
	char c = next(reader);

	if (tree->n > reader->bounds->values)
		return JSON_TREE_MANY;
	tree->n++;
	*node = (struct json_node){.name = name, .name_len = name_len};
	if (c == '"') {
		reader->at++;
		node->kind = JSON_KIND_STRING;
		result = take_string(reader, &node->text, &node->text_len);
	} else if (c == '{' || c == '[') {
		reader->at++;
		node->kind = c == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY;
		result = take_all(reader, node);
	} else if (c == '-' || (c >= '0' && c <= '9')) {
		node->kind = JSON_KIND_NUMBER;
		result = take_number(reader, node);
	} else {
		result = take_word(reader, node);
	}
	node->size = (uint32_t)(&tree->nodes[tree->n] - node);
	return result;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* How many nodes there can be at most. */
static size_t count(const char *text, size_t len, size_t max)
{
	size_t n = 2; /* the object and what stands first in it */

	for (size_t i = 0; i < len; i++)
		n += text[i] == ',' || text[i] == '[' || text[i] == '{';
	return n < max ? n : max;
}

enum json_tree_result json_tree_init(struct json_tree *tree, const struct json_tree_bounds *bounds, const char *text,
	size_t len)
{
	size_t n = count(text, len, bounds->values + 1);
	struct json_tree made = {.nodes = malloc(n * sizeof(struct json_node) + len + 1)};
	struct reader reader = {text, text + len, NULL, &made, bounds, 0};
	enum json_tree_result result;

	if (!made.nodes)
		return JSON_TREE_NOMEM;
	made.text = reader.to = (char *)&made.nodes[n];
	result = next(&reader) == '{' ? take_value(&reader, NULL, 0) : JSON_TREE_BAD;
	if (result == JSON_TREE_OK && (next(&reader) || reader.at < reader.end))
		result = JSON_TREE_BAD;
	made.text_size = (size_t)(reader.to - made.text);
	if (result == JSON_TREE_OK)
		*tree = made;
	else
		json_tree_deinit(&made);
	return result;
}

void json_tree_deinit(struct json_tree *tree)
{
	if (tree->nodes)
		wipe(tree->text, tree->text_size);
	free(tree->nodes);
	*tree = (struct json_tree){0};
}
