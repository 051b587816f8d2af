/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of those who encrypt for a key: no more than its schedule says, for they never ask cekd.
 */
#pragma once

#include <stdbool.h>

#include "daemon/broker/ring/ring.h"

enum { ISSUERS_MAX = 256 };

/* Nobody keeps a JWK Set longer than its versions are published before they are used: the lead, which is never longer
 * than the period. True also where nothing is scheduled. */
bool issuers_know_in_time(uint32_t period, uint32_t lead, uint32_t jwks_max_age);

/* Unwraps of this key that named no kid. */
uint64_t issuers_without_kid(const struct key *key);

/* Without kid the active version is tried, then from the youngest to the oldest, this many in all: the first that opens
 * and is not tried any more, or NULL. */
const struct version *issuers_untried(const struct key *key, uint32_t versions_tried);

/* For how long issuers go on with a version that they have the public half of, if it is taken from them now: a
 * sentence. False if they do not encrypt for it: AES, or in another state. */
bool issuers_go_on(const struct version *version, char ret_text[ISSUERS_MAX]);
