/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of private keys: a JWK (RFC 7517 section 4), a JWK Set (section 5), PEM or DER. It is read to its end, and
 * checked, before anything of it is used.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/cekctl/import/passphrase.h"
#include "client/cekctl/import/private_key.h"
#include "client/cekctl/import/private_why.h"
#include "proto/alg.h"

enum {
	PRIVATE_FILE_MAX = 262144, /* bytes of a file */
	PRIVATE_KEYS_MAX = 64,     /* of a JWK Set */
};

/* What of the file is wanted. */
struct private_wanted {
	const struct alg *alg;
	const char *kid; /* valid. Of a set of several: that one. Otherwise: its kid. NULL: their own */
	const struct passphrase *passphrase; /* NULL: there is none */
};

struct private_entry {
	size_t number;             /* in its set, from 1 */
	char kid[KID_MAX + 1];     /* "": as of a generated key */
	char skipped[PRIVATE_WHY]; /* why it is not for this alg; "" for those that are */
	struct private_key key;    /* unless skipped */
};

/* At least one is not skipped, and those are different keys of different kids. */
struct private_file {
	bool is_set;
	size_t n;
	struct private_entry *entries;
};

/* The caller wipes data. 0, or -EINVAL with one English phrase in why, which says which key of a set is meant. */
int private_file_read(const char *data, size_t len, const struct private_wanted *wanted, struct private_file *ret_file,
	char why[PRIVATE_WHY]);

/* Wipe. Safe on a zeroed struct. */
void private_file_deinit(struct private_file *file);
