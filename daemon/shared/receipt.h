/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's receipts, which the manage worker wants to see before it makes, takes over or destroys an object
 * (internal.proto, Receipt): HMAC-SHA256 (RFC 2104) under a key that cekd hands to these two alone, in a file that has
 * no name. The broker passes them on and cannot make one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wipe.h"
#include "proto/internal.pb-c.h"

enum {
	RECEIPT_KEY_LEN = 32,
	RECEIPT_MAC_LEN = 32,
	RECEIPT_HALF_LEN = 32,
};

#define RECEIPT_LIVES_US (UINT64_C(3600) * 1000000) /* a job may wait for a slow token, but not for ever */

/* What a receipt is for, beside its own members. */
struct receipt_job {
	const char *alg;
	const uint8_t *cka_id; /* may be empty: an adoption by label */
	size_t cka_id_len;
	uint8_t half[RECEIPT_HALF_LEN]; /* destroy: receipt_half() of what tells the object from its twins; else zeros
					 */
};

/* The key out of the file that cekd made, into locked memory of the arena. 0; -EPROTO: it is none; -errno. */
int receipt_read_key(int fd, struct arena *arena, const uint8_t **ret_key);

/* SHA-256 of a public half as it is published; zeros for NULL. 0; -ENOMEM or -EIO. */
int receipt_half(const Cek__V1__PublicKey *public_key, uint8_t ret_half[RECEIPT_HALF_LEN]);

/* The MAC of a receipt, whose own mac is not looked at. 0; -ERANGE: it is too long for one; -EIO. */
int receipt_mac(const uint8_t key[RECEIPT_KEY_LEN], const Cek__Internal__V1__Receipt *receipt,
	const struct receipt_job *job, uint8_t ret_mac[RECEIPT_MAC_LEN]);

/* Whether it is the journal's, and for this job. In constant time. */
bool receipt_good(const uint8_t key[RECEIPT_KEY_LEN], const Cek__Internal__V1__Receipt *receipt,
	const struct receipt_job *job);
