/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private key on its way into the token: sealed under the token's transport key before it leaves this process.
 */
#pragma once

#include "cek.pb-c.h"
#include "client/cekctl/console/ctl.h"
#include "client/cekctl/import/private_key.h"

/* The public half as cek.proto has it; it points into key. */
void sealed_public(const struct private_key *key, Cek__V1__PublicKey *ret_public);

/* ImportKey. kid may be "". EXIT_SUCCESS: *ret_reply has the key, whose newest version, the last, is the imported one.
 * Otherwise EXIT_FAILURE after a report. */
int sealed_import(struct ctl *ctl, const char *name, const char *alg, const char *kid, const struct private_key *key,
	Cek__V1__Reply **ret_reply);
