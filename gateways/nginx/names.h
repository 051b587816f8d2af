/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The algorithms that a configuration may name; also what holds when it names none. Lists end with NULL.
 */
#pragma once

#include "gateways/nginx/data.h"

extern const char *const ngx_cekd_jwe_algs[], *const ngx_cekd_jwe_encs[], *const ngx_cekd_jws_algs[];

/* The key-management algorithms with which only who has the key can encrypt. */
extern const char *const ngx_cekd_secret_algs[];

bool ngx_cekd_listed(ngx_cekd_list list, const char *word);
