/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SetKeyState, the request behind suspend, resume, compromise and keep.
 */
#pragma once

#include <stdbool.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/ctl.h"
#include "client/cekctl/rpc/change.h"

/* Send it and print what became of the key. Returns an exit status. */
int set_state(struct ctl *ctl, Cek__V1__SetKeyStateRequest *change, const struct change_how *how);

/* Take a version out of use: SUSPENDED or COMPROMISED. Where issuers encrypt for it, and it is the active one, that is
 * refused (CONFLICT) without change->rotate or force, and said how long they go on. */
int set_state_out_of_use(struct ctl *ctl, Cek__V1__SetKeyStateRequest *change, bool force,
	const struct change_how *how);

/* Bring a version that is in state `from` back to where it was; `hint` says what is wrong if it is in another one. */
int set_state_back(struct ctl *ctl, char *kid, const char *reason, Cek__V1__State from, const char *hint,
	const struct change_how *how);
