/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of CEKs, seen from cek_jwe_decrypt(). Times are milliseconds of CLOCK_BOOTTIME, which goes on while the
 * machine sleeps; they are arguments, so that tests bring their own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/jose/cek-jose.h"
#include "client/jose/open.h"

enum { CACHE_ID_LEN = 32 };

uint64_t cache_now(void);

/* What an entry is found by: a keyed SHA-256 over all that goes into the unwrap (the protected header, which holds kid,
 * alg, enc and the parameters; the encrypted key; the caller's key). false without memory. */
bool cache_id(const cek_jwe_cache *cache, const struct pending *pending, uint8_t ret_id[CACHE_ID_LEN]);

/* Valid until the next call on this cache. */
struct cached {
	struct cek_bytes cek;
	const char *key;
	const char *version;
};

/* Start what keeps the cache open, if it is time: the watch, or a question whether the ring is as it was. */
void cache_ask(cek_jwe_cache *cache, cek_conn *conn, uint64_t now);

/* Look for the CEK of a token that came with this connection. Does what cache_ask() does, and empties the cache if the
 * ring has moved; without a watch, when cekd has been silent for too long, or for another connection than the cache's
 * own, nothing is ever found. */
bool cache_find(cek_jwe_cache *cache, cek_conn *conn, const uint8_t id[CACHE_ID_LEN], uint64_t now,
	struct cached *ret_cached);

/* Keep a CEK that has opened a token; epoch is that of the reply it came in. Does nothing if the ring has moved since,
 * if the watch is gone, or if it is there already. */
void cache_store(cek_jwe_cache *cache, const uint8_t id[CACHE_ID_LEN], uint64_t now, uint64_t epoch,
	const struct cached *cached);

/* cek_jwe_cache_expire() at that time. */
int cache_expire(cek_jwe_cache *cache, uint64_t now);
