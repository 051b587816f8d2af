/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The primes of an RSA private key of which only n, e and d are told (NIST SP 800-56B rev. 2, appendix C.2: without
 * chance, in a bounded number of steps), and the other parts of RFC 8017 section 3.2 that follow from them.
 */
#pragma once

#include <openssl/bn.h>

/* In the order of RFC 7518 section 6.3.2; p is the larger prime. All in the secure heap. */
struct rsa_crt {
	BIGNUM *p, *q, *dp, *dq, *qi;
};

/* For d of whichever modulus, lcm or product of p - 1 and q - 1. 0; -EINVAL if these are not the n, e and d of a key of
 * two primes, -ENOMEM. That p and q are primes is not looked at. */
int rsa_crt_find(const BIGNUM *n, const BIGNUM *e, const BIGNUM *d, struct rsa_crt *ret_crt);

/* Wipe. Safe on a zeroed struct. */
void rsa_crt_deinit(struct rsa_crt *crt);
