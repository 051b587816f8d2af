/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a private JWK is for, as far as it says so: kty, crv, size, alg, use and key_ops (RFC 7517 section 4), and its
 * kid.
 */
#pragma once

#include <jansson.h>

#include "client/cekctl/import/private_why.h"
#include "proto/alg.h"

enum { PRIVATE_UNFIT = 1 };

/* Whether the JWK is a private key for alg. 0; PRIVATE_UNFIT if it is, rightly, a key for something else, one of
 * another size or a public one; -EINVAL if it contradicts itself. why says what, in one English phrase, for both. */
int private_fit(const json_t *jwk, const struct alg *alg, char why[PRIVATE_WHY]);

/* Its kid, "" if it has none. 0, or -EINVAL with why if it is one that cekd does not take. */
int private_fit_kid(const json_t *jwk, char ret_kid[KID_MAX + 1], char why[PRIVATE_WHY]);

/* Whether cekd takes a kid that comes from elsewhere; name is what it is called in why. The same. */
int private_kid_check(const char *kid, const char *name, char why[PRIVATE_WHY]);
