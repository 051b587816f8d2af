/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON object (RFC 8259) read in one pass and into one piece of memory, for what is read at each request: the headers
 * and claims of tokens. Strict as json.h is; numbers of any size stay as they are written.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_kind {
	JSON_KIND_OBJECT,
	JSON_KIND_ARRAY,
	JSON_KIND_STRING,
	JSON_KIND_NUMBER,
	JSON_KIND_TRUE,
	JSON_KIND_FALSE,
	JSON_KIND_NULL,
};

/* A value; what it holds stands behind it, in the order of the text. */
struct json_node {
	const char *name; /* of a member, a NUL behind it; NULL: none */
	const char
		*text; /* of a string without escapes, of a number as it is written; a NUL behind it. NULL: neither */
	uint32_t name_len, text_len;
	uint32_t size; /* nodes, itself and all in it */
	uint8_t kind;
};

struct json_tree {
	struct json_node *nodes; /* the first is the whole object; NULL: none was read */
	size_t n;
	char *text; /* behind the nodes */
	size_t text_size;
	bool noncharacter; /* U+FFFF is in a string */
};

struct json_tree_bounds {
	unsigned depth; /* arrays and objects inside each other, the object itself too */
	size_t values;  /* members and elements at all depths, the object itself not */
};

enum json_tree_result {
	JSON_TREE_OK,
	JSON_TREE_BAD,    /* no object */
	JSON_TREE_TWICE,  /* an object has a member twice */
	JSON_TREE_DEEP,   /* over the bound */
	JSON_TREE_MANY,   /* over the bound */
	JSON_TREE_UNHELD, /* a NUL or half a surrogate pair in a string or name */
	JSON_TREE_NOMEM,
};

/* Read len bytes, below 4 GiB. With anything but JSON_TREE_OK there is nothing to deinit. Of several faults the first
 * in the text is told. */
enum json_tree_result json_tree_init(struct json_tree *tree, const struct json_tree_bounds *bounds, const char *text,
	size_t len);

/* Wipes. Safe on a zeroed struct. */
void json_tree_deinit(struct json_tree *tree);

/* The member of this name, NULL if there is none or object is no object (or NULL). */
const struct json_node *json_tree_member(const struct json_node *object, const char *name);

/* What stands first in an array or object, and what stands behind a value in it; NULL: nothing. */
const struct json_node *json_tree_first(const struct json_node *in);
const struct json_node *json_tree_next(const struct json_node *in, const struct json_node *value);

/* The value as JSON without white space, for free(3); NULL without memory. */
char *json_tree_dump(const struct json_node *value);
