/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of the journal's receipts (daemon/shared/receipt.h), in a file without a name that nobody can change. cekd
 * makes it, hands it to journal and manage worker alone, and does not keep the key itself.
 */
#pragma once

/* A new key: its descriptor, or -errno. */
int receipt_key_make(void);
