/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row an algorithm: what unwraps and wraps with it. What JOSE says of each is in proto/alg.h.
 */
#pragma once

#include <stdbool.h>

#include "daemon/token/algs/wrap.h"

struct mech {
	const char *alg;
	unwrap_fn *unwrap;
	wrap_fn *wrap;
};

const struct mech *mech_find(const char *alg);

/* The header parameters of what was wrapped; *ret_params and *ret_epk point into wrapped. */
void mech_params(const struct wrapped *wrapped, Cek__V1__AlgParams *ret_params, Cek__V1__PublicKey *ret_epk);

/* Does this KEK fit alg: type, size, curve? */
bool mech_key_fits(const struct key *key, const struct alg *alg);
