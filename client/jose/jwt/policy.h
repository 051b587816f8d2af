/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's policy, as this library knows it, and what it makes of a header (RFC 7515 section 4, RFC 8725).
 */
#pragma once

#include "client/jose/jwt/alg.h"
#include "client/jose/jwt/cek-jwt.h"
#include "client/jose/jwt/object.h"

/* Take what the caller's struct has, by its size, with defaults filled in. POLICY for one that is not complete. */
int policy_take(const struct cek_jwt_policy *from, struct cek_jwt_policy *ret_policy, struct cek_jwe_error *error);

/* MALFORMED, or POLICY. On success *ret_kid is NULL if there is none. */
int policy_check_header(const struct cek_jwt_policy *policy, const struct jwt_object *header,
	const struct jws_alg **ret_alg, const char **ret_kid, struct cek_jwe_error *error);
