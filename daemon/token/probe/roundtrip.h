/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test that a KEK really works: what it wraps it unwraps, and what was tampered with does not open.
 */
#pragma once

#include "daemon/token/facts/token.h"
#include "daemon/token/p11/key.h"

/* CKR_OK; CKR_CEKD_WRONG if the CEK came back changed or a flipped bit went unnoticed; or what the token says. */
CK_RV round_trip(struct token *token, struct key *key, const struct alg *alg);
