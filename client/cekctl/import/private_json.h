/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON that holds a private key: all of it in OpenSSL's secure heap.
 */
#pragma once

#include <stddef.h>

#include <jansson.h>

#include "client/cekctl/import/private_why.h"

enum { PRIVATE_JSON_DEPTH = 128 }; /* as of public JWK Sets */

/* Members that do not count may hold whatever JSON can, but none may be there twice. NULL with one English phrase in
 * why. From here to private_json_free(), which is needed in both cases, all of jansson uses the secure heap. */
json_t *private_json_load(const char *data, size_t len, char why[PRIVATE_WHY]);

/* Wipe; NULL is allowed. */
void private_json_free(json_t *json);
