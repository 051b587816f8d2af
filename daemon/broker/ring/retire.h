/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When nobody needs a version any more. One computation, for all who tell it and for the one who refuses by it: the
 * later of two moments. Issuers that know its deactivation may encrypt for it until their JWKS is too old, and such a
 * token lives for its lifetime: deactivation + overlap. Whoever used it last may have its tokens for a lifetime more:
 * last use + token lifetime + clock skew or, if only an overlap is set, + overlap.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/broker/ring/ring.h"

enum {
	RETIRE_SUM_MAX = 256,
	RETIRE_WHY_MAX = 512,
	RETIRE_LAST_TOKEN = 192,
};

struct retirement {
	uint64_t time; /* real time, microseconds; 0: nobody knows, or there is nothing to say */
	/* What it is the sum of, or what is missing and how to give it; "" if there is nothing to say: it was neither
	 * deactivated nor used, or is gone. Names an issuer that still encrypts for it, if one does. */
	char why[RETIRE_WHY_MAX];
};

/* Does anybody know how long an old version is needed? Without an overlap and a token lifetime a token may be of any
 * age. */
bool retire_known(const struct key *key);

/* Seconds from the deactivation of a version of this key until no token under it can come (skew, in seconds, is added
 * where the overlap is computed). Only if it is known. */
uint64_t retire_overlap(const struct key *key, uint32_t skew);

/* What the overlap is the sum of: "overlap 1 hour", "JWKS max-age 5 minutes + token lifetime 10 minutes + clock skew
 * 1 minute". Only if it is known. Returns text. */
const char *retire_sum(const struct key *key, uint32_t skew, char text[RETIRE_SUM_MAX]);

/* As things stand; an active version is thought to be deactivated when its schedule says. */
void retire_at(const struct version *version, uint32_t skew, uint64_t now, struct retirement *ret);

/* If it is deactivated at that moment. version: NULL for one of this key that is not made yet. */
void retire_planned(const struct key *key, const struct version *version, uint64_t deactivated, uint32_t skew,
	struct retirement *ret);

/* A token under it came that no issuer can have made who knew of the deactivation as soon as it had to. */
bool retire_late_issuer(const struct version *version, uint32_t skew);

/* When that was, and who brought it: "last token of it at 2026-01-31T12:00:00Z, by peer main/1000". Returns text. */
const char *retire_last_token(const struct version *version, char text[RETIRE_LAST_TOKEN]);

/* To take it away now may cost a token: it is not safe yet or, where nobody knows when it is, it was ever used. */
bool retire_early(const struct version *version, uint32_t skew, uint64_t now);

/* It was used so lately that who used it may come again; or it was ever used, and nobody knows how long a token lives.
 */
bool retire_in_use(const struct version *version, uint32_t skew, uint64_t now);
