/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token on its way: parsed and allowed, waiting for its CEK; and what it becomes. Nothing here talks to cekd.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wipe.h"
#include "client/jose/compact.h"
#include "client/jose/header.h"

struct pending {
	struct jwe_header header;
	struct span aad; /* the header in base64url, in octets */
	struct cek_bytes encrypted_key, iv, ciphertext, tag;
	const char *key; /* the caller's; NULL = whatever the kid names. Points into octets */
	size_t max_plaintext;
	unsigned max_versions;
	char *octets; /* one allocation for all of them */
};

/* Parse token and hold it against the policy. CEK_JWE_OK, or MALFORMED, POLICY, NO_KEY, TOO_LARGE, NOMEM. */
int pending_new(const struct cek_jwe_policy *policy, const char *token, size_t len, struct pending **ret_pending,
	struct cek_jwe_error *error);

struct pending *pending_free(struct pending *pending);

/* Decrypt with this CEK; key and version are cekd's names of what gave it. On CEK_JWE_OK the header has moved into
 * *ret_jwe and pending is only good for pending_free(); otherwise it is unchanged and another CEK may be tried. FAILED,
 * TOO_LARGE (zip) or NOMEM. */
int pending_open(struct pending *pending, struct cek_bytes cek, const char *key, const char *version, bool from_cache,
	cek_jwe **ret_jwe);
