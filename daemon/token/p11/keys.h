/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The KEKs that this worker has used. named.h says which object is meant by a name.
 */
#pragma once

#include "daemon/token/p11/key.h"
#include "daemon/token/p11/named.h"

enum { KEY_BUCKETS = 256 };

struct keys {
	struct finder finder;
	bool copy;       /* work with session copies */
	uint64_t now_us; /* monotonic, when the present job began; the loop's to set */
	struct key *bucket[KEY_BUCKETS];
	struct {
		uint8_t id[CKA_ID_MAX];
		size_t id_len;
		uint64_t until_us; /* do not reopen the module for this one before */
	} missed[16];
	unsigned next_missed;
	bool never_reopen; /* session objects live here that must not go (transport keys) */
};

/* The key of this name; it stays valid until the next call for it, keys_forget() or keys_forget_all(). Its token object
 * was seen within the last second: a session copy outlives it, and RSA and ECDH-ES wrap without asking the token.
 * CKR_OK, CKR_CEKD_MISSING after a second look (and, for SoftHSM with a read-only token.object, a third one after
 * reopening the module), CKR_CEKD_AMBIGUOUS, or what the token says. */
CK_RV keys_get(struct keys *keys, const struct name *name, struct key **ret_key);

/* Drop what is known of a key, and its session copy. */
void keys_forget(struct keys *keys, const uint8_t *id, size_t id_len);

/* Drop everything; the handles are void already. */
void keys_forget_all(struct keys *keys);
