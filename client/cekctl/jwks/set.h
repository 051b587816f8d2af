/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JWK Set (RFC 7517 section 5), or one public key as PEM, out of what cekd answered: whole and of use to an issuer,
 * or not at all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cek.pb-c.h"

enum { SET_TEXT = 512, SET_WARNINGS = 3 };

/* What was asked for. */
struct set_wanted {
	const char *const *names;
	size_t n_names;
	bool every_key; /* without names: of all keys; else of the only one */
	bool all;       /* also versions that only unwrap */
	bool pem;       /* the active version of one key */
};

struct set {
	char *text;                           /* with the newline at its end; free(3) */
	char summary[SET_TEXT];               /* what it holds, for a log line */
	char warning[SET_WARNINGS][SET_TEXT]; /* whom it would harm, a sentence each; "": no more */
	bool has_max_age;
	uint32_t max_age; /* seconds */
};

struct set_fault {
	const char *status; /* a row of console/exits.h */
	char text[SET_TEXT];
};

/* Make it of a reply with public keys. A named key without a version to encrypt for is a fault: an issuer answers each
 * login with an error when its key is missing. Returns whether it could; else *ret_fault says why. */
bool set_make(const Cek__V1__Reply *reply, const struct set_wanted *wanted, struct set *ret_set,
	struct set_fault *ret_fault);
