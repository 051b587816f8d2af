/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What jwe encrypt and jwe decrypt share.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/wipe.h"
#include "client/cekctl/console/ctl.h"
#include "client/jose/cek-jose.h"

enum {
	JWE_PLAINTEXT = 1 << 20, /* bytes, unless --limit says otherwise */
	JWE_PLAINTEXT_MAX = 32 << 20,
};

/* Standard input, at most max bytes, into an arena of its own. EXIT_SUCCESS, or another exit status after a report. */
int jwe_read_input(const struct ctl *ctl, size_t max, struct arena *ret_arena, size_t *ret_len);

/* Report an error of libcek-jose. Returns the exit status. */
int jwe_fail(const struct ctl *ctl, const struct cek_jwe_error *error);

/* Check --limit: EXIT_SUCCESS or EXIT_USAGE. */
int jwe_check_limit(const struct ctl *ctl, uint32_t limit);
