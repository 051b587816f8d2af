/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of a file's private keys are versions of a key already: an import that was interrupted goes on, and what it
 * cannot mend is refused before anything is sent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/ctl.h"
#include "client/cekctl/import/private_file.h"
#include "proto/alg.h"

struct existing_keys {
	struct ctl *ctl;
	const char *name; /* of the key; it need not be there */
	const struct alg *alg;
	struct private_file *file;

	/* Found: */
	Cek__V1__Reply *key;          /* as it was told last; NULL: not there, or not for this user */
	bool there[PRIVATE_KEYS_MAX]; /* it was imported before */
	char *kid[PRIVATE_KEYS_MAX];  /* of the version that it is now; NULL: not imported */
	size_t found;
};

/* The first four are given, the rest is zero. Keys of another curve are marked as skipped in the file, and wiped.
 * EXIT_SUCCESS, or another exit status after a report. */
int existing_keys_look(struct existing_keys *keys);

/* Also after a failure; what was given stays. */
void existing_keys_deinit(struct existing_keys *keys);
