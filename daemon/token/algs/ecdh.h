/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDH-ES (RFC 7518 section 4.6, RFC 8037 section 3.2).
 */
#pragma once

#include "daemon/token/algs/wrap.h"
#include "daemon/token/p11/named.h"

unwrap_fn ecdh_unwrap;
wrap_fn ecdh_wrap;

/* Does object, an EC or X25519 private key, agree as the other half of half does? For a finder's compare; context is
 * the token. */
named_compare_fn ecdh_compare;
