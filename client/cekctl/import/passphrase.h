/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the passphrase of an encrypted private key comes from: whoever reads the file knows.
 */
#pragma once

#include <stddef.h>

#include "client/cekctl/import/private_why.h"

enum { PASSPHRASE_MAX = 1023 }; /* bytes: what fits into OpenSSL's own buffers */

struct passphrase {
	/* Write it into locked memory of that size, without NUL. Returns its length, or -EINVAL with why. */
	int (*get)(void *owner, char *ret_text, size_t size, char why[PRIVATE_WHY]);
	void *owner;
};
