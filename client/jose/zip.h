/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DEFLATE (RFC 7516 section 4.1.3), decompression only, bounded.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/wipe.h"
#include "client/cek.h"

enum { ZIP_STATE_SIZE = 65536 }; /* bytes that zlib's own state takes in the arena, at most */

/* Inflate into the arena, which must have room for max + 1 + ZIP_STATE_SIZE bytes; a NUL stands behind what comes out.
 * CEK_JWE_OK; CEK_JWE_TOO_LARGE if more than max bytes come out; CEK_JWE_FAILED if it is not one whole DEFLATE stream;
 * CEK_JWE_NOMEM. */
int zip_inflate(struct cek_bytes in, size_t max, struct arena *arena, struct cek_bytes *ret_out);
