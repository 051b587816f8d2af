/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as JOSE wants it: duplicate members, NULs in strings, bytes that are not UTF-8 and deep nesting refused. Numbers
 * may be of any size, and then read as 0: no member that counts here is one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum {
	JSON_DEPTH_MAX = 8,       /* of a header: epk is the deepest that is wanted */
	JSON_SET_DEPTH_MAX = 128, /* of a JWK Set: what strangers put beside the members that count */
};

/* An object, or NULL. */
json_t *json_object_parse(const char *text, size_t len);

/* The same for a JWK Set, of which one entry shall not spoil the others: a string may hold NULs and halves of surrogate
 * pairs, each of them read as JSON_UNHELD (soften.h) and its four hex digits, and an entry of the array keys that has a
 * member twice is read as null. */
json_t *json_set_parse(const char *text, size_t len);

/* An object of which nothing gets lost: numbers are strings that begin with JSON_UNHELD, and so do NULs and halves
 * within strings. Written by json_kept_dump(), on one line for free(3), all is as it was. NULL if it is none, or
 * without memory. */
json_t *json_kept_parse(const char *text, size_t len);
char *json_kept_dump(const json_t *json);

/* The number, as it was written, that a string of json_kept_parse() stands for; NULL if it is a string. */
const char *json_kept_number(const json_t *string);

/* The octets of a base64url string of at most max octets. false if it is no string, not strict, or longer. */
bool json_octets(const json_t *string, size_t max, uint8_t *ret_data, size_t *ret_len);

/* A base64url string of these octets, or NULL without memory. */
json_t *json_from_octets(const void *data, size_t len);
