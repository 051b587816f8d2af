/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deny lists: a line "jti VALUE", "sub VALUE" or "sid VALUE" refuses all tokens with that claim. Empty lines, and those
 * that begin with "#", say nothing.
 */
#pragma once

#include "gateways/nginx/data.h"

extern const struct ngx_cekd_file_kind ngx_cekd_denied; /* content: a list */

/* Whether a list names a claim of this token. */
bool ngx_cekd_deny(const void *content, const cek_jwt *jwt);
