/*
 * JSON as JOSE wants it: duplicate members, NULs in strings, bytes that are not UTF-8 and deep nesting refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum { JSON_DEPTH_MAX = 8 };

/* An object, or NULL. */
json_t *json_object_parse(const char *text, size_t len);

/* The octets of a base64url string of at most max octets. false if it is no string, not strict, or longer. */
bool json_octets(const json_t *string, size_t max, uint8_t *ret_data, size_t *ret_len);

/* A base64url string of these octets, or NULL without memory. */
json_t *json_from_octets(const void *data, size_t len);
