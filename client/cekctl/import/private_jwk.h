/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private JWKs (RFC 7517, RFC 7518 section 6, RFC 8037), read strictly.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "client/cekctl/import/private_key.h"
#include "client/cekctl/import/private_why.h"
#include "proto/alg.h"

/* A JWK that fits alg (private_fit.h). An RSA key may tell n, e and d alone: the rest is computed. 0, or -EINVAL with
 * one English phrase in why. */
int private_jwk_read(const json_t *jwk, const struct alg *alg, struct private_key *ret_key, char why[PRIVATE_WHY]);

/* A member in base64url: its octets into data. Returns their number, or -EINVAL with why. */
int private_jwk_octets(const json_t *jwk, const char *name, uint8_t *data, size_t size, char why[PRIVATE_WHY]);
