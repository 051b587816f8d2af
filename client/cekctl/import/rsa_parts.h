/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers of an RSA private key with two primes: n, e, d, then what d alone implies (RFC 7518 section 6.3.2).
 */
#pragma once

enum { RSA_PARTS = 8, RSA_TOLD = 3 };

/* As a JWK and as OpenSSL name them. */
struct rsa_part {
	const char *member, *param;
};
extern const struct rsa_part rsa_parts[RSA_PARTS];
