/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the published vectors in tests/vectors. Failures are assertions.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* A file below tests/vectors; for json_decref(). */
json_t *vectors_load(const char *file);

/* The member at a path, an array of names and indices (jwe.json). Borrowed. */
const json_t *vectors_at(const json_t *json, const json_t *path);

/* The octets of a member in hexadecimal, or in base64url; returns their number. */
size_t vectors_hex(const json_t *json, const char *member, uint8_t *ret_data, size_t size);
size_t vectors_b64u(const json_t *json, const char *member, uint8_t *ret_data, size_t size);
