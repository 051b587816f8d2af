/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of public keys: those of signers, and one to encrypt for.
 */
#pragma once

#include "gateways/nginx/data.h"

extern const struct ngx_cekd_file_kind ngx_cekd_signers; /* content: cek_jwt_keys */
extern const struct ngx_cekd_file_kind ngx_cekd_jwk;     /* content: cek_jwks; its first key counts */
