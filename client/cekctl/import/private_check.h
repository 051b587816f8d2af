/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a private key is what it says: a plain RSA key of two primes, an EC key on a named curve or an X25519 key,
 * and all its parts belong together. A token computes with the parts that it is given and asks no questions.
 */
#pragma once

#include <openssl/evp.h>

#include "client/cekctl/import/private_why.h"

/* 0, or -EINVAL with one English phrase in why, which names the part. */
int private_check(EVP_PKEY *pkey, char why[PRIVATE_WHY]);
