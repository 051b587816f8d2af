/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON object of which nothing gets lost and everything has a type: the header of a JWT, or its claims.
 */
#pragma once

#include <stddef.h>

#include <jansson.h>

#include "client/jose/jwt/cek-jwt.h"

struct jwt_text;

struct jwt_object {
	json_t *json;           /* as json_kept_parse() makes it */
	struct jwt_text *texts; /* of the arrays and objects within */
	size_t n_texts;
};

/* what ("header", "payload") is for the details. MALFORMED: no object, a member twice, nested more than depth deep, a
 * NUL, half a surrogate pair or U+FFFF in a string, a number that no double holds. TOO_LARGE: more than
 * CEK_JWT_VALUES_MAX values. NOMEM. With anything but OK there is nothing to deinit. */
int jwt_object_init(struct jwt_object *object, const char *what, const char *text, size_t len, unsigned depth,
	struct cek_jwe_error *error);

/* Safe on a zeroed struct. */
void jwt_object_deinit(struct jwt_object *object);

/* The member at a path that ends with NULL; an empty one leads to none. */
struct cek_jwt_value jwt_object_at(const struct jwt_object *object, const char *const *path);

/* One of its own members. */
struct cek_jwt_value jwt_object_get(const struct jwt_object *object, const char *name);

/* Whether a member is this string, or an array with it and nothing but strings. */
bool jwt_object_has(const struct jwt_object *object, const char *name, const char *string);
