/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compact serialisation (RFC 7516 section 7.1): five parts in base64url, four dots.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/cek.h"

struct span {
	const char *text;
	size_t len;
};

struct compact {
	struct span header;
	struct span encrypted_key;
	struct span iv;
	struct span ciphertext;
	struct span tag;
};

/* Find the parts, which may be empty; nothing is copied. false unless there are exactly four dots. */
bool compact_split(const char *token, size_t len, struct compact *ret_parts);

/* What compact_join() joins: the header is base64url already (it was the AAD), the others are octets. */
struct compact_octets {
	struct span header;
	struct cek_bytes encrypted_key;
	struct cek_bytes iv;
	struct cek_bytes ciphertext;
	struct cek_bytes tag;
};

/* A string for free(3), or NULL without memory. */
char *compact_join(const struct compact_octets *parts);
