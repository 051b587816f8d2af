/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's receipts on their way to the manage worker (internal.proto, Receipt): this process cannot make one.
 */
#pragma once

#include "daemon/broker/lifecycle/change_data.h"

/* The one that came with the change's intent, into its job. Nothing if none came: the worker says no. 0 or -ENOMEM. */
int receipts_add(struct change *change);

/* None has come: the journal died in between, or the intent is an old one. Ask for one, once; then done is called. 0 or
 * as journal_renew(). */
int receipts_ask(struct change *change, void (*done)(struct append *append, bool ok));
