/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a signed set of claims has to say: RFC 7519 section 4.1, RFC 8725 sections 3.8 to 3.10, RFC 9068 section 4.
 */
#pragma once

#include <stdint.h>

#include "client/jose/jwt/cek-jwt.h"
#include "client/jose/jwt/object.h"

/* 9999-12-31T23:59:59Z, the last that RFC 3339 can write. What is later is no time of a token: most likely milliseconds
 * where seconds belong, and it would never end. */
#define JWT_TIME_MAX INT64_C(253402300799)

/* policy->now is set. CEK_JWE_OK, CEK_JWT_CLAIM or CEK_JWT_SCOPE, which comes only when all else is well. details name
 * a claim, never its value. *ret_expires is exp, -1 = none. */
int claims_check(const struct jwt_object *claims, const struct cek_jwt_policy *policy, int64_t *ret_expires,
	struct cek_jwe_error *error);
