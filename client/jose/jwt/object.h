/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON object of which nothing gets lost and everything has a type: the header of a JWT, or its claims.
 */
#pragma once

#include <stddef.h>

#include "client/jose/jwt/cek-jwt.h"
#include "client/json/tree.h"

struct jwt_text;

struct jwt_object {
	struct json_tree tree;
	struct jwt_text *texts; /* of the arrays and objects that a path leads to */
	size_t n_texts;
};

/* What an object is called in details, and how much it may hold: reading costs by values more than by bytes. */
struct jwt_bounds {
	const char *what;
	unsigned depth; /* arrays and objects inside each other, itself too */
	size_t values;  /* members and elements, at all depths */
	unsigned reach; /* names of the longest path that is asked for */
};

/* MALFORMED: no object, a member twice, nested too deep, a NUL, half a surrogate pair or U+FFFF in a string, a number
 * that no double holds. TOO_LARGE: too many values. NOMEM. With anything but OK there is nothing to deinit. */
int jwt_object_init(struct jwt_object *object, const struct jwt_bounds *bounds, const char *text, size_t len,
	struct cek_jwe_error *error);

/* Safe on a zeroed struct. */
void jwt_object_deinit(struct jwt_object *object);

/* The member at a path that ends with NULL; an empty one leads to none. */
struct cek_jwt_value jwt_object_at(const struct jwt_object *object, const char *const *path);

/* One of its own members. */
struct cek_jwt_value jwt_object_get(const struct jwt_object *object, const char *name);

/* Whether a member is this string, or an array with it and nothing but strings. */
bool jwt_object_has(const struct jwt_object *object, const char *name, const char *string);
