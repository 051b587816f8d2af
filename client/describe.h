/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys, public keys and the daemon's status: messages of cek.proto as the structs of cek.h that callers read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wipe.h"
#include "cek.pb-c.h"
#include "client/cek.h"

struct description {
	const struct cek_key **keys;
	size_t n_keys;
	bool more;
	const char *key, *alg, *kid; /* of the key, if the call was about one */
	const struct cek_public_key_entry **public_keys;
	size_t n_public_keys;
	bool has_max_age;
	uint32_t max_age;
	const struct cek_daemon *daemon;
};

/* Build what callers see of a reply, in the arena that the reply lies in. CEK_OK, CEK_E_PROTOCOL, or CEK_E_NOMEM when
 * the arena is too small. */
int describe(struct arena *arena, const Cek__V1__Reply *reply, struct description *ret_description);

/* A public key, pointing into the message. */
struct cek_public_key describe_public_key(const Cek__V1__PublicKey *key);

/* Replace what is not printable ASCII, cut at max bytes; in place. Returns text. */
const char *describe_text(char *text, size_t max);
